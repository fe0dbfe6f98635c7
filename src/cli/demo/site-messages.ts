/** What the demo tells the process that leads the private site, and what that process answers. */
export type SiteOrder =
  | {
      readonly order: 'network'
      /** Address of the connector towards the edge; absent where no interface leads there. */
      readonly uplink?: string
      readonly application: { readonly address: string; readonly webPort: number; readonly echoPort: number }
      /** Name of the application, known only inside. */
      readonly name: string
      readonly state: string
    }
  | {
      readonly order: 'connector'
      readonly edge: { readonly host: string; readonly port: number }
      /** Unix socket that leads to the edge, for where no interface does. */
      readonly wire: string
      readonly state: string
    }

export type SiteAnswer =
  | { readonly answer: 'ready' }
  | { readonly answer: 'network'; readonly up: true }
  | { readonly answer: 'connector'; readonly user: string; readonly wired: boolean }
  | { readonly answer: 'failed'; readonly what: string }
  | { readonly answer: 'ended'; readonly part: string; readonly how: string }
