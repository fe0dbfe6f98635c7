import type { Machine } from './machine.ts'

/** What scenarios put in the way, at the firewall of the data centre. */
export class Firewall {
  readonly #machine: Machine

  constructor(machine: Machine) {
    this.#machine = machine
  }

  /** @param rules Of nftables, such as `ip saddr 10.1.1.11 tcp dport 443 drop`. */
  async block(...rules: string[]): Promise<void> {
    for (const rule of rules) await this.#machine.succeed('nft', `add rule ip lab broken ${rule}`)
  }

  /** Before everything that blocks. */
  async allow(rule: string): Promise<void> {
    await this.#machine.succeed('nft', `insert rule ip lab broken ${rule}`)
  }

  /** Sends to a port of the firewall itself. @param rule What comes before the redirection. */
  async redirect(rule: string, port: number): Promise<void> {
    await this.#machine.succeed('nft', `add rule ip lab redirected ${rule} redirect to :${port}`)
  }

  async clear(): Promise<void> {
    for (const chain of ['broken', 'redirected'])
      await this.#machine.succeed('nft', `flush chain ip lab ${chain}`)
  }
}
