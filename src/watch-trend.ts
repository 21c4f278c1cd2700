/** How fast a table fills, as far as noisy looks at its count can tell. Pure. */

/** A look: `at` in milliseconds on a clock that nobody steps. */
export type Point = { readonly at: number; readonly count: number };

/**
 * One-sided quantile of the normal distribution for 5 %: below it, "it rises" may well be noise. Four points that all
 * rise reach it, three cannot.
 */
const SURE = 1.64;

/**
 * Flows a second: the median of the slopes between all pairs of points (Theil 1950, Sen 1968), which a burst, a sweep of
 * the kernel's garbage collection or one late look do not bend.
 * @returns undefined for fewer than four points; 0 where Mann and Kendall's test (1945, 1975; without the correction for
 *   ties) does not find a direction at 5 %
 */
export function slopeOf(points: readonly Point[]): number | undefined {
  const many = points.length;
  const [first] = points;
  if (first === undefined || many < 4) return undefined;
  const slopes = new Float64Array((many * (many - 1)) / 2);
  let filled = 0;
  let score = 0;
  for (let j = 1; j < many; j += 1) {
    const late = points[j] ?? first;
    for (let i = 0; i < j; i += 1) {
      const early = points[i] ?? first;
      const rise = late.count - early.count;
      slopes[filled] = (rise * 1000) / (late.at - early.at || 1);
      filled += 1;
      score += rise > 0 ? 1 : rise < 0 ? -1 : 0;
    }
  }
  const deviation = Math.sqrt((many * (many - 1) * (2 * many + 5)) / 18);
  return (Math.abs(score) - 1) / deviation >= SURE ? median(slopes) : 0;
}

function median(values: Float64Array): number {
  const sorted = values.sort();
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? 0) + high) / 2;
}
