/**
 * Addresses that are no application's: each with what it is for and who says so. Written down on 2026-11-30 from what is
 * published: IANA's registries of special-purpose addresses (RFC 6890), and the documentation of providers.
 *
 * https://www.iana.org/assignments/iana-ipv4-special-registry https://www.iana.org/assignments/iana-ipv6-special-registry
 *
 * Not among them, since applications live there: networks of RFC 1918, 100.64.0.0/10 (RFC 6598), benchmarks
 * (198.18.0.0/15), and the networks of documentation, which lead nowhere.
 *
 * @module
 */

export interface SpecialRange {
  readonly network: string
  /** For people, in the middle of a sentence. */
  readonly is: string
}

export const SPECIAL_RANGES: readonly SpecialRange[] = [
  { network: '0.0.0.0/8', is: 'this host, RFC 1122' },
  { network: '127.0.0.0/8', is: 'loopback, RFC 1122' },
  { network: '169.254.0.0/16', is: 'link-local, RFC 3927' },
  { network: '192.0.0.0/24', is: 'protocol assignments, RFC 6890' },
  { network: '224.0.0.0/4', is: 'multicast, RFC 5771' },
  { network: '240.0.0.0/4', is: 'reserved, RFC 1112, and broadcast' },

  { network: '::/96', is: 'unspecified, loopback or IPv4-compatible, RFC 4291' },
  { network: '100::/32', is: 'discarded, RFC 6666 and RFC 9780' },
  { network: '2001::/23', is: 'protocol assignments, RFC 2928' },
  { network: '5f00::/16', is: 'segment routing, RFC 9602' },
  { network: 'fc00::/7', is: 'unique local, RFC 4193' },
  { network: 'fe80::/10', is: 'link-local, RFC 4291' },
  { network: 'fec0::/10', is: 'site-local, RFC 3879' },
  { network: 'ff00::/8', is: 'multicast, RFC 4291' },

  // Forms that somebody on the way makes an IPv4 address of.
  { network: '::ffff:0:0:0/96', is: 'IPv4-translated, RFC 7915' },
  { network: '64:ff9b::/96', is: 'NAT64, RFC 6052' },
  { network: '64:ff9b:1::/48', is: 'local-use NAT64, RFC 8215' },
  { network: '2001::/32', is: 'Teredo, RFC 4380' },
  { network: '2002::/16', is: '6to4, RFC 3056' },

  // Each alone: whoever names the network around one does not mean it.
  {
    network: '169.254.169.254/32',
    is: 'metadata: AWS, Azure, Google Cloud, Oracle Cloud, OpenStack, DigitalOcean, Hetzner',
  },
  { network: '169.254.170.2/32', is: 'credentials of AWS ECS tasks' },
  { network: '169.254.170.23/32', is: 'credentials of AWS EKS pods' },
  { network: '169.254.0.23/32', is: 'metadata of Tencent Cloud' },
  { network: '169.254.42.42/32', is: 'metadata of Scaleway' },
  { network: '192.0.0.192/32', is: 'metadata of Oracle Cloud Classic' },
  { network: '168.63.129.16/32', is: 'WireServer of Azure' },
  { network: '100.100.100.200/32', is: 'metadata of Alibaba Cloud' },
  { network: 'fd00:ec2::/32', is: 'metadata and services of AWS' },
  { network: 'fd20:ce::254/128', is: 'metadata of Google Cloud' },
  { network: 'fd00:c1::a9fe:a9fe/128', is: 'metadata of Oracle Cloud' },
  { network: 'fd00:42::42/128', is: 'metadata of Scaleway' },
  { network: 'fe80::a9fe:a9fe/128', is: 'metadata of OpenStack' },
]
