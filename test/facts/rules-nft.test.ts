import { describe, expect, test } from 'vitest';
import { comparable, managedTables, nftTables, nftUses } from '../../src/facts/rules-nft.ts';

const LISTING = `table ip filter {
	chain INPUT {
		type filter hook input priority filter; policy drop;
		ct state related,established counter accept
	}
}
table inet mine {
	counter cc {
	}

	ct helper ftp {
		type "ftp" protocol tcp
		l3proto inet
	}

	set timed {
		type ipv4_addr
		timeout 1h
		elements = { 1.2.3.4, 5.6.7.8 timeout 30m }
	}

	set fixed {
		type inet_service
		elements = { 22, 80 }
	}

	set dyn {
		type ipv4_addr
		size 100
		flags dynamic,timeout
		timeout 10m
		elements = { 10.0.0.1,
			     10.0.0.2 }
	}

	set byct {
		typeof ct mark
	}

	chain in {
		type filter hook input priority filter + 10; policy accept;
		ct state established,related accept
		ct state vmap { invalid : drop }
		ct mark set ct mark
		ct count over 3 drop
		tcp dport 21 ct helper set "ftp"
		ct original ip saddr 1.2.3.4 accept comment "ct state x masquerade"
		ct state . ct direction vmap { new . original : accept }
		jump redirect
	}

	chain redirect {
		type nat hook prerouting priority dstnat; policy accept;
		tcp dport 81 redirect to :80
		iif "lo" dnat ip to 1.2.3.4
		notrack
	}
}
table bridge empty {
}
`;

const [FILTER, MINE, EMPTY] = nftTables(LISTING);

describe('nftTables', () => {
  test('finds every table in its order, whole', () => {
    expect(nftTables(LISTING).map(({ family, name }) => `${family} ${name}`)).toEqual([
      'ip filter',
      'inet mine',
      'bridge empty',
    ]);
    expect(
      nftTables(LISTING)
        .map(({ text }) => text)
        .join(''),
    ).toBe(LISTING);
  });

  test.each(['', '\n', '# Warning: table ip x is managed by iptables-nft, do not touch!\n'])('%j has none', (text) => {
    expect(nftTables(text)).toEqual([]);
  });
});

describe('managedTables', () => {
  test('are those that nft warns about, wherever it says so, and those with untranslated expressions', () => {
    const warning = '# Warning: table ip6 filter is managed by iptables-nft, do not touch!\n';
    const marked = 'table ip nat {\n\tchain P {\n\t\txt match "set" counter drop\n\t}\n}\n';
    expect(managedTables(warning + marked, '')).toEqual(['ip nat', 'ip6 filter']);
    expect(managedTables('', warning)).toEqual(['ip6 filter']);
    expect(managedTables(LISTING, '')).toEqual([]);
  });
});

describe('nftUses', () => {
  test('counts a reference for each expression, object and nat chain, and none for names, comments and types', () => {
    expect(MINE && nftUses(MINE)).toEqual({
      nft_ct: 9,
      nft_connlimit: 1,
      nft_chain_nat: 1,
      nft_redir: 1,
      nft_nat: 1,
    });
    expect(FILTER && nftUses(FILTER)).toEqual({ nft_ct: 1 });
    expect(EMPTY && nftUses(EMPTY)).toEqual({});
  });

  test.each([
    ['oifname "eth0" masquerade', { nft_masq: 1 }],
    ['ip protocol tcp flow add @ft', { nft_flow_offload: 1 }],
    ['meta mark set ct mark', { nft_ct: 1 }],
    ['log prefix "ct state "', {}],
    ['tcp dport 22 jump ct', {}],
    ['ip saddr @ct accept', {}],
    ['ct timeout set "long"', {}],
  ])('%s', (rule, uses) => {
    expect(nftUses({ family: 'inet', name: 't', text: `table inet t {\n\tchain c {\n\t\t${rule}\n\t}\n}\n` })).toEqual(
      uses,
    );
  });
});

describe('comparable', () => {
  test('leaves out elements that expire or that rules add, and nothing else', () => {
    const text = MINE === undefined ? '' : comparable(MINE);
    expect(text).not.toMatch(/1\.2\.3\.4,|10\.0\.0/);
    expect(text).toContain('elements = { 22, 80 }');
    expect(text.split('\n').length).toBe((MINE?.text.split('\n').length ?? 0) - 3);
  });
});
