import net from 'node:net'

const PRIVATE = blockList('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7')

/** Addresses that no edge which others reach can have: what DNS filters answer with. */
const SINKHOLES = blockList('0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '::/127', '100::/64')

export function isPrivateAddress(address: string): boolean {
  return PRIVATE.check(address, familyOf(address))
}

export function isSinkhole(address: string): boolean {
  return SINKHOLES.check(address, familyOf(address))
}

export function isWithinNetwork(address: string, cidrs: readonly string[]): boolean {
  return blockList(...cidrs).check(address, familyOf(address))
}

function blockList(...cidrs: string[]): net.BlockList {
  const list = new net.BlockList()
  for (const cidr of cidrs) {
    const [network, bits] = cidr.split('/')
    list.addSubnet(network!, Number(bits), familyOf(network!))
  }
  return list
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return net.isIPv6(address) ? 'ipv6' : 'ipv4'
}
