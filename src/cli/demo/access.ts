import { stringify } from 'yaml'

export const USER = 'demo'
export const GROUP = 'demo-site'

/** Where the demo application is, as people ask for it and as the connector finds it. */
export interface DemoApplication {
  /** Name or address in a URL. */
  readonly host: string
  readonly address: string
  readonly webPort: number
  readonly echoPort: number
}

/** Everything that makes the demo application reachable for one user: a file to read, change and apply again. */
export function accessFile(app: DemoApplication, password: string): string {
  const segment = {
    kind: 'segment',
    name: 'demo-wiki',
    description:
      'The web page and echo service of the demo; addressCidrs is needed because a connector does not dial its own machine otherwise',
    ...(app.host === app.address ? { cidrs: [`${app.address}/32`] } : { domains: [app.host] }),
    tcp: [String(app.webPort), String(app.echoPort)],
    addressCidrs: [`${app.address}/32`],
    serverGroups: ['demo-servers'],
  }
  const documents = [
    { kind: 'connector-group', name: GROUP, location: 'this machine' },
    { kind: 'server-group', name: 'demo-servers', connectorGroups: [GROUP] },
    segment,
    { kind: 'user', name: USER, displayName: 'Demo user', password },
    {
      kind: 'access-rule',
      name: 'demo-user-reaches-demo-wiki',
      order: 100,
      action: 'allow',
      conditions: { users: [USER], segments: ['demo-wiki'] },
    },
  ]
  return documents.map((document) => stringify(document)).join('---\n')
}
