/**
 * The Debian packages that tests use, each with the program that shows it is there. The one list: `needs` skips
 * by it, and the runner installs from it when CI=true.
 *
 * @module
 */
export const PACKAGES = {
  bind9: { program: 'named' },
  'bind9-dnsutils': { program: 'dig' },
  curl: { program: 'curl' },
  'dnsmasq-base': { program: 'dnsmasq' },
  e2fsprogs: { program: 'mkfs.ext4' },
  faketime: { program: 'faketime' },
  git: { program: 'git' },
  iperf3: { program: 'iperf3' },
  iproute2: { program: 'ip' },
  'iputils-ping': { program: 'ping' },
  'netcat-openbsd': { program: 'nc' },
  nginx: { program: 'nginx' },
  nftables: { program: 'nft' },
  'openssh-client': { program: 'ssh' },
  'openssh-server': { program: 'sshd' },
  openssl: { program: 'openssl' },
  postgresql: { program: 'initdb' },
  procps: { program: 'sysctl' },
  'redis-server': { program: 'redis-server' },
  'redis-tools': { program: 'redis-benchmark' },
  rsync: { program: 'rsync' },
  socat: { program: 'socat' },
  'squid-openssl': { program: 'squid' },
  strace: { program: 'strace' },
  sudo: { program: 'sudo' },
  tcpdump: { program: 'tcpdump' },
  tinyproxy: { program: 'tinyproxy' },
  'util-linux': { program: 'unshare' },
  websocketd: { program: 'websocketd' },
  wget: { program: 'wget' },
} as const satisfies Record<string, { readonly program: string }>

export type Package = keyof typeof PACKAGES
