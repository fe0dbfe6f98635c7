export function canonicalHost(_text: string): string {
  throw new Error('being written')
}
export function isAddress(_host: string): boolean {
  throw new Error('being written')
}
export function inCidrs(_address: string, _cidrs: readonly string[]): boolean {
  throw new Error('being written')
}
export function isForbiddenAddress(_address: string): boolean {
  throw new Error('being written')
}
