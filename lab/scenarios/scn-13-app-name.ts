import { HEALTHY } from '../resolver.ts'
import type { Scenario, Variant } from '../scenario.ts'
import { ADDRESS, APP_NAME, APP_PORT, EDGE_NAME } from '../topology.ts'
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

export const appName: Scenario = {
  id: 'SCN-13',
  title: 'The connector asks for the application and gets another answer than you',
  story: `On the laptop of the admin the name resolves, as it always did. The connectors stand in a new network, and the
resolver there decides by the address of who asks what it says. Nobody thought of telling it that the new network is
inside.`,
  variants: [
    {
      ...common,
      name: 'views',
      does: 'the resolver takes the connectors for the outside, and gives them the public address',
      hints: [
        'the name resolves',
        'compare the answer with the network of the application',
        'who is inside?',
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
      hints: ['the connectors are connected', 'the resolver answers', 'ask it for the application'],
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
  ],
}
