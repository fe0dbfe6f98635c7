import { LOCAL_PROXY } from '../client.ts'
import { printed } from '../cures.ts'
import type { Daemon } from '../daemon.ts'
import type { Lab } from '../lab.ts'
import { HEALTHY } from '../resolver.ts'
import type { Scenario, Variant } from '../scenario.ts'
import { ADDRESS, APP_NAME, APP_PORT, EDGE_NAME } from '../topology.ts'
import { appUnreadable } from './scn-04-unasked.ts'
import { appSources } from './scn-13-sources.ts'
import { connectorSaysSo } from './scn-14-application.ts'

const zone = (origin: string, ...records: string[]) =>
  [
    `$ORIGIN ${origin}.`,
    '$TTL 5',
    '@ SOA ns root 1 60 60 600 1',
    '@ NS ns',
    `ns A ${ADDRESS.dns}`,
    ...records,
    '',
  ].join('\n')

/** Two views; the connectors are taken for the outside. */
const VIEWS = `view inside { match-clients { 10.9.0.0/16; };
  zone "example.com" { type master; file "inside.zone"; };
};
view outside { match-clients { any; };
  zone "example.com" { type master; file "outside.zone"; };
  zone "example.net" { type master; file "edge.zone"; };
};\n`

const NO_ZONE = `zone "example.com" { type master; file "missing.zone"; };
zone "example.net" { type master; file "edge.zone"; };\n`

const common = {
  hop: 'dns',
  app: `${APP_NAME}:${APP_PORT}`,
  cutsAll: true,
  noticed: connectorSaysSo,
  noticeMs: 60_000,
} as const satisfies Partial<Variant>

const SILENT_ZONE = 'old.example.com'
/** More than twice what a connector has threads for look-ups. */
const SILENT = Array.from({ length: 60 }, (_, at) => `host${at}.${SILENT_ZONE}`)
/** libc waits longer for a resolver than a session waits for a thread. */
const PATIENT = `nameserver ${ADDRESS.dns}\noptions timeout:20 attempts:1\n`

/** One program asks for all hosts of a zone that the resolver forwards to nobody. */
async function scan(lab: Lab): Promise<void> {
  const { a, b } = lab.connectors
  await b.stop()
  a.machine.etc('resolv.conf', PATIENT)
  await lab.apply({ domains: [APP_NAME, `*.${SILENT_ZONE}`] })
  await lab.firewall.block(`ip saddr ${ADDRESS.dns} ip daddr ${ADDRESS.app} udp dport 53 drop`)
  await lab.resolver.serve(HEALTHY, `server=/${SILENT_ZONE}/${ADDRESS.app}`)
  const urls = `http://host[0-${SILENT.length - 1}].${SILENT_ZONE}:${APP_PORT}/`
  const atOnce = ['-sS', '-Z', '--parallel-immediate', '--parallel-max', String(SILENT.length)]
  const proxy = ['--socks5-hostname', LOCAL_PROXY, '--max-time', '60', '-o', '/dev/null']
  scans.set(lab, lab.machines.user.start('scan', ['curl', ...atOnce, ...proxy, urls]))
}

const scans = new WeakMap<Lab, Daemon>()

async function endScan(lab: Lab): Promise<void> {
  const held = scans.get(lab)
  if (held !== undefined) await lab.machines.user.stop(held, 'SIGKILL')
  if (!lab.connectors.b.runs) lab.connectors.b.start()
  await lab.apply()
}

export const appName: Scenario = {
  id: 'SCN-13',
  title: 'The connector gets another DNS answer than you',
  story: `On the admin's laptop the name resolves, as always. The connectors are in a new network, and the resolver there answers
depending on the source address. It was never told that the new network is internal.`,
  variants: [
    {
      ...common,
      name: 'views',
      does: 'the resolver treats the connectors as external and gives them the public address',
      hints: [
        'the name resolves',
        "compare the answer with the application's network",
        'which networks are internal?',
      ],
      code: 'APP_NAME_WRONG_VIEW',
      // The connector refuses the address, and the user is told so.
      noticed: async (lab) =>
        (await lab.ask()) === undefined && /ADDRESS_FORBIDDEN|WRONG_VIEW/.test(await lab.clientStatus()),
      seen: [/10\.1\.1\.53 said 203\.0\.113\.80/],
      inject: (lab) =>
        lab.resolver.serveBind(VIEWS, {
          'inside.zone': zone('example.com', `app.dc1 A ${ADDRESS.app}`),
          'outside.zone': zone('example.com', 'app.dc1 A 203.0.113.80'),
          'edge.zone': zone('example.net', `edge A ${ADDRESS.edge}`),
        }),
      cure: (lab) => lab.resolver.serve(HEALTHY), // "name the resolver of the internal view"
    },
    {
      ...common,
      name: 'nxdomain',
      does: 'the record of the application was deleted',
      hints: ['the connectors are connected', 'the resolver answers', 'query it for the application'],
      code: 'APP_NAME_NXDOMAIN',
      seen: [/10\.1\.1\.53 said NXDOMAIN/, /getaddrinfo: ENOTFOUND/],
      inject: (lab) => lab.resolver.serve({ [EDGE_NAME]: ADDRESS.edge }),
      cure: (lab) => lab.resolver.serve(HEALTHY), // "add the record of … to its zone"
    },
    {
      ...common,
      name: 'zone-down',
      does: 'the resolver lost the zone of the applications and answers SERVFAIL',
      hints: ['the connectors are connected', 'the edge resolves', 'is it the name, or its whole zone?'],
      code: 'APP_RESOLVER_DOWN',
      seen: [/10\.1\.1\.53 said SERVFAIL/, /getaddrinfo: EAI_AGAIN/],
      inject: (lab) =>
        lab.resolver.serveBind(NO_ZONE, { 'edge.zone': zone('example.net', `edge A ${ADDRESS.edge}`) }),
      cure: (lab) => lab.resolver.serve(HEALTHY), // "repair the resolver"
    },
    ...appSources,
    {
      ...common,
      name: 'lookups-busy',
      does: 'a program looks up 60 hosts of a zone whose forwarder does not answer',
      hints: [
        "the resolver answers, and the application's name resolves",
        'what else is looked up, and for how long?',
        'each lookup holds a thread',
      ],
      hop: 'connector',
      code: 'LOOKUPS_BUSY',
      seen: [/every lookup thread is held by a name without an answer \(\d+\): host\d+\.old\.example\.com/],
      noticed: (lab, since) => since.faults(lab.connectors.a).some(({ code }) => code === 'LOOKUPS_BUSY'),
      // The daemon says it for a minute after the last name that found no thread.
      verifyMs: 120_000,
      inject: scan,
      async cure(lab, finding) {
        printed(finding, /^fix the resolver of the names reported as unanswered/)
        await lab.resolver.serve({
          ...HEALTHY,
          ...Object.fromEntries(SILENT.map((name) => [name, ADDRESS.app])),
        })
      },
      restore: endScan,
    },
    appUnreadable,
  ],
}
