import { blink, printed, runPrinted } from '../cures.ts'
import { RESOLV_CONF } from '../lab.ts'
import { HEALTHY } from '../resolver.ts'
import type { Scenario } from '../scenario.ts'
import { ADDRESS, APP_NAME, EDGE_NAME } from '../topology.ts'
import { sources } from './scn-04-sources.ts'
import { deviceUnnamed, ownFirewall } from './scn-04-unasked.ts'

const BROKEN_ZONE = `zone "example.net" { type master; file "missing.zone"; };
zone "example.com" { type master; file "example.com.zone"; };\n`
const APP_ZONE = `$TTL 5
@ SOA dns.example.com. root.example.com. 1 60 60 600 1
@ NS dns.example.com.
dns A ${ADDRESS.dns}
app.dc1 A ${ADDRESS.app}\n`

export const names: Scenario = {
  id: 'SCN-04',
  title: "The edge's name does not resolve",
  story: `The connectors were not touched. The DNS team had a quiet week: they tidied up an old zone, updated a filter list, and
ran a hardening script that set file modes. Existing connections stay up. Then the uplink blips for a second, and
connector-a, which has to resolve the edge again, does not come back.`,
  variants: [
    {
      name: 'nxdomain',
      does: `the zone no longer has ${EDGE_NAME}`,
      hints: ['the resolver answers', 'other names resolve', "query it for the edge's name"],
      hop: 'edge',
      code: 'EDGE_NAME_NXDOMAIN',
      seen: [/10\.1\.1\.53 said NXDOMAIN/, /getaddrinfo: ENOTFOUND/],
      async inject(lab) {
        await lab.resolver.serve({ [APP_NAME]: ADDRESS.app })
        await blink(lab, lab.connectors.a)
      },
      cure: (lab) => lab.resolver.serve(HEALTHY), // "add an address record for … to the zone"
    },
    {
      name: 'servfail',
      does: 'the resolver cannot load the zone of the edge and answers SERVFAIL',
      hints: [
        'the resolver answers',
        'other zones resolve',
        'the problem is not the name but the whole zone',
      ],
      hop: 'edge',
      code: 'RESOLVER_UNREACHABLE',
      seen: [/10\.1\.1\.53 said SERVFAIL/, /getaddrinfo: EAI_AGAIN/],
      async inject(lab) {
        await lab.resolver.serveBind(BROKEN_ZONE, { 'example.com.zone': APP_ZONE })
        await blink(lab, lab.connectors.a)
      },
      cure: (lab) => lab.resolver.serve(HEALTHY), // "repair the resolver"
    },
    {
      name: 'timeout',
      does: 'queries from connector-a no longer reach the resolver',
      hints: ['no name resolves on connector-a', 'connector-b resolves', 'port 53 does not answer'],
      hop: 'edge',
      code: 'RESOLVER_UNREACHABLE',
      seen: [/10\.1\.1\.53 said timeout/],
      noticeMs: 45_000,
      async inject(lab) {
        await lab.machines.dns.shell('nft -f -', { input: DEAF })
        await blink(lab, lab.connectors.a)
      },
      cure: async (lab) => void (await lab.machines.dns.run('nft', 'delete table ip deaf')),
      restore: async (lab) => void (await lab.machines.dns.run('nft', 'delete table ip deaf')),
    },
    {
      name: 'slow',
      cutsAll: true, // connector-b asks the same one for the application
      does: 'the resolver takes 2.6 s per answer, but programs on connector-a are configured to wait one',
      hints: [
        'no name resolves on connector-a',
        'the resolver answers dig',
        'how long did dig wait, and how long do programs wait?',
      ],
      hop: 'edge',
      code: 'RESOLVER_UNREACHABLE',
      seen: [/10\.1\.1\.53 said 198\.51\.100\.10.* after 2\.\d s/],
      noticeMs: 45_000,
      async inject(lab) {
        await lab.cables.impair('dns', { delayMs: 1300 })
        await blink(lab, lab.connectors.a)
      },
      async cure(lab, finding) {
        printed(finding, /timeout/)
        await lab.cables.clear()
      },
    },
    {
      name: 'sinkhole',
      does: `a DNS filter answers 0.0.0.0 for ${EDGE_NAME}`,
      hints: ['the name resolves', 'no machine has that address', 'something filters DNS'],
      hop: 'edge',
      code: 'EDGE_NAME_HIJACKED',
      seen: [/10\.1\.1\.53 said 0\.0\.0\.0/],
      async inject(lab) {
        await lab.resolver.serve({ ...HEALTHY, [EDGE_NAME]: '0.0.0.0' })
        await blink(lab, lab.connectors.a)
      },
      cure: (lab) => lab.resolver.serve(HEALTHY), // "exempt … in the DNS filter"
    },
    {
      name: 'chmod',
      does: 'a hardening script made /etc/resolv.conf of connector-a readable by root alone',
      hints: [
        'root sees no problem',
        'the resolver is healthy',
        'become the service user, and look at the file',
      ],
      hop: 'connector',
      code: 'RESOLVER_UNREADABLE',
      seen: [/\/etc\/resolv\.conf: EACCES for uid 65534; owner uid 0, mode 0600/],
      async inject(lab) {
        lab.machines['connector-a'].etc('resolv.conf', RESOLV_CONF, 0o600)
        await blink(lab, lab.connectors.a)
      },
      cure: (lab, finding) => runPrinted(lab.connectors.a, finding, /^chmod 644 .*$/),
    },
    ...sources,
    ownFirewall,
    deviceUnnamed,
  ],
}

const DEAF = `table ip deaf {
  chain input {
    type filter hook input priority 0;
    ip saddr ${ADDRESS['connector-a']} udp dport 53 drop
    ip saddr ${ADDRESS['connector-a']} tcp dport 53 drop
  }
}\n`
