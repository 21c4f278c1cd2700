/** What the bundler puts in: the version from package.json and the templates as text. */
declare const CTFIX_VERSION: string;

declare module '*.conf' {
  const text: string;
  export default text;
}

declare module '*.service' {
  const text: string;
  export default text;
}

declare module '*.rules' {
  const text: string;
  export default text;
}
