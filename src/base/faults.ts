/**
 * Every failure a person can be shown, and the hop that owns it.
 *
 * Codes are stable: they travel in RESET frames, REST bodies, logs and metric labels, and are the
 * headings of docs/faults.md (faults.test.ts keeps both lists equal). Add codes; never rename or reuse one.
 *
 * @module
 */

/** The places a connection can fail, in the order a byte meets them. */
export const HOPS = ['client', 'edge', 'control', 'connector', 'dns', 'application'] as const
export type Hop = (typeof HOPS)[number]

interface FaultRow {
  /** The hop that owns the failure. */
  readonly hop: Hop
  /** Number of the story in docs/faults.md that this belongs to; faults without one need no story. */
  readonly scenario?: number
  /** Can trying again help, with nothing changed by a person? */
  readonly retry: boolean
  readonly title: string
  readonly cause: string
  readonly fix: string
  readonly verify: string
}

export const FAULTS = {
  // client
  CLIENT_NOT_COVERED: {
    hop: 'client',
    retry: false,
    title: 'No application segment covers this destination',
    cause: 'No segment declares this name or address, so nothing was sent.',
    fix: 'Add the name or CIDR to an application segment, or check the spelling.',
    verify: 'backstitch client connect HOST PORT opens a session',
  },
  CLIENT_WRONG_PORT: {
    hop: 'client',
    retry: false,
    title: 'The most specific segment does not list this port',
    cause: 'The most specific segment that covers the name decides, and it does not declare this port.',
    fix: 'Add the port to the segment that is named, or connect to a port it lists.',
    verify: 'backstitch describe segment NAME lists the port',
  },
  REAUTH_NEEDED: {
    hop: 'client',
    retry: false,
    title: 'The device certificate has ended or was never issued',
    cause: 'A device certificate lives at most 24 hours and renews only while the user may still sign in.',
    fix: 'Run: backstitch client login',
    verify: 'backstitch client status shows the certificate end in the future',
  },
  BAD_DESTINATION: {
    hop: 'client',
    retry: false,
    title: 'The destination is not a valid host and port',
    cause: 'The host name or port could not be read in its one canonical form.',
    fix: 'Use a DNS name, an IPv4 or a bracketed IPv6 address, and a port from 1 to 65535.',
    verify: 'the same command with the corrected destination',
  },
  LOCAL_REQUEST_REFUSED: {
    hop: 'client',
    retry: false,
    title: 'The local proxy refused the request',
    cause: 'The request is not one that a local program should send: wrong protocol, foreign Host or Origin.',
    fix: 'Point the program at the proxy as SOCKS5 or HTTP CONNECT.',
    verify: 'curl --socks5-hostname 127.0.0.1:PORT http://APP/',
  },
  CONTEXT_MISSING: {
    hop: 'client',
    retry: false,
    title: 'No server to talk to is known',
    cause: 'Commands that ask the control plane need a context: server, token and certificate fingerprint.',
    fix: 'Run npm start, or name a context file with --context FILE or BACKSTITCH_CONTEXT.',
    verify: 'backstitch status shows the server',
  },
  DAEMON_DOWN: {
    hop: 'client',
    scenario: 1,
    retry: true,
    title: 'The daemon is not running',
    cause: 'Nothing answers on its status socket: it was never started, or it has ended.',
    fix: 'Start it, and read the last lines of its log.',
    verify: 'backstitch status shows the daemon',
  },
  LISTEN_FAILED: {
    hop: 'client',
    retry: false,
    title: 'A local port could not be opened',
    cause: 'Another process holds the port, or the address is not of this machine.',
    fix: 'Stop the process that is named, or choose another port.',
    verify: 'the command starts and prints the address it listens on',
  },
  CLIENT_STOPPED: {
    hop: 'client',
    retry: true,
    title: 'The client has stopped',
    cause: 'The client that carried the session or the forward was told to stop.',
    fix: 'Start the client, or run the command again: it brings a client of its own where none runs.',
    verify: 'backstitch client status answers',
  },
  CLIENT_RESET: {
    hop: 'client',
    retry: true,
    title: 'The program on the device reset the connection',
    cause: 'The program closed its connection hard, before both directions had ended.',
    fix: 'None needed if the program was stopped; else look at its log.',
    verify: 'the session stays open',
  },
  SLOW_READER: {
    hop: 'client',
    retry: true,
    title: 'The connection was not read while memory was short',
    cause: 'Too many bytes waited for readers that stand still; the slowest gave way.',
    fix: 'Look at why the program or application that is named does not read, or raise the memory of the agent.',
    verify: 'the session stays open',
  },

  // edge, and the way to it
  EDGE_NAME_NXDOMAIN: {
    hop: 'edge',
    scenario: 4,
    retry: true,
    title: 'The name of the edge does not resolve',
    cause: 'The resolver of this machine does not know the name of the service edge.',
    fix: 'Check the name in the key or configuration and the resolver in /etc/resolv.conf.',
    verify: 'getent hosts EDGE prints an address',
  },
  RESOLVER_UNREACHABLE: {
    hop: 'edge',
    scenario: 4,
    retry: true,
    title: 'The resolver of this machine does not answer',
    cause: 'Time-out or failure from the resolver in /etc/resolv.conf when asked for the edge.',
    fix: 'Repair the resolver, or configure another.',
    verify: 'getent hosts EDGE prints an address',
  },
  RESOLVER_UNREADABLE: {
    hop: 'edge',
    scenario: 4,
    retry: true,
    title: 'The resolver file of this machine may not be read',
    cause:
      'Owner and mode of the resolver file shut out the user that the daemon runs as, so no name resolves.',
    fix: 'chmod 644 /etc/resolv.conf',
    verify: 'getent hosts EDGE, as the service user, prints an address',
  },
  EDGE_NAME_HIJACKED: {
    hop: 'edge',
    scenario: 4,
    retry: true,
    title: 'The name of the edge resolves to an address that is not an edge',
    cause: 'A resolver answers in place of the owner of the name: a DNS filter, a sinkhole or a wrong zone.',
    fix: 'Exempt the name of the edge in the DNS filter, or correct the zone; the resolver and answer are named.',
    verify: 'getent hosts EDGE prints the address of the edge',
  },
  EGRESS_BLOCKED: {
    hop: 'edge',
    scenario: 5,
    retry: true,
    title: 'No answer from the edge',
    cause: 'The connection attempt was dropped on the way: most often an egress firewall.',
    fix: 'Allow outbound TCP from this machine to the edge address and port that are named.',
    verify: 'nc -zv EDGE PORT succeeds',
  },
  EGRESS_REJECTED: {
    hop: 'edge',
    scenario: 5,
    retry: true,
    title: 'The connection to the edge was refused',
    cause: 'Something answered with a refusal: no edge listens there, or a firewall rejects.',
    fix: 'Check that the edge runs on this address and port, and that no firewall rejects the way.',
    verify: 'nc -zv EDGE PORT succeeds',
  },
  EDGE_UNREACHABLE: {
    hop: 'edge',
    scenario: 5,
    retry: true,
    title: 'The edge cannot be reached',
    cause: 'No route, or the connection broke before the handshake ended.',
    fix: 'Check the route to the edge and the state of the edge.',
    verify: 'nc -zv EDGE PORT succeeds',
  },
  CONTROL_PORT_BLOCKED: {
    hop: 'edge',
    scenario: 5,
    retry: true,
    title: 'Port 443 of the edge can be reached, the port that it serves cannot',
    cause: 'The egress firewall lets 443 out and stops the other port.',
    fix: 'Allow outbound TCP to the port that is named, or let the edge listen on 443.',
    verify: 'nc -zv EDGE PORT succeeds',
  },
  PATH_MTU: {
    hop: 'edge',
    scenario: 15,
    retry: true,
    title: 'Large packets are lost on the way',
    cause:
      'A link on the way is narrower than both ends think, and the message that would say so is dropped.',
    fix: 'Let ICMP "fragmentation needed" pass, clamp the MSS at the gateway, or lower the MTU of the interface.',
    verify: 'ping -M do -s SIZE EDGE is answered at the size that is named',
  },
  EDGE_FAR: {
    hop: 'edge',
    scenario: 8,
    retry: true,
    title: 'A far edge is used although a nearer one exists',
    cause: 'The nearer edges cannot be reached from here, so every session pays for the detour.',
    fix: 'Allow outbound TCP to the addresses of the nearer edges.',
    verify: 'backstitch status shows an edge of the own region',
  },
  TLS_INTERCEPTED: {
    hop: 'edge',
    scenario: 6,
    retry: true,
    title: 'The certificate presented is not signed by the pinned tenant CA',
    cause: 'TLS inspection on the way re-signs the connection, or the address belongs to another server.',
    fix: 'Exempt the edge address from TLS inspection; the issuer that was seen is named.',
    verify: 'openssl s_client -connect EDGE:PORT shows the tenant CA as issuer',
  },
  RAW_PHASE_BLOCKED: {
    hop: 'edge',
    retry: true,
    title: 'Something on the way to the edge lets only TLS records through',
    cause:
      'A middlebox ends a pipe when it goes on without its outer TLS. Halves from here stay inside it: slower, still end-to-end.',
    fix: 'Exempt the address and port of the edge from protocol inspection, on the firewall or proxy in between.',
    verify: 'backstitch status shows the note no more; the path is tried again every 10 minutes',
  },
  PROXY_REQUIRED: {
    hop: 'edge',
    scenario: 7,
    retry: true,
    title: 'This network lets connections out only through its proxy, and none is set',
    cause: 'Straight connections get no answer, and a proxy that would take them is known on this machine.',
    fix: 'Put HOST:PORT of the proxy into /etc/backstitch/proxy.',
    verify: 'the log shows the control connection as CONNECTED',
  },
  CAPTIVE_PORTAL: {
    hop: 'edge',
    scenario: 7,
    retry: true,
    title: 'The network answers in place of the edge',
    cause: 'A sign-in or block page of the network took the connection.',
    fix: 'Sign in to the network, or have this machine exempted from the page that is quoted.',
    verify: 'openssl s_client -connect EDGE:PORT completes',
  },
  PROXY_UNREACHABLE: {
    hop: 'edge',
    scenario: 7,
    retry: true,
    title: 'The outbound proxy cannot be reached',
    cause: 'The proxy that is configured does not answer.',
    fix: 'Check the proxy address; backstitch connector --explain-egress shows where it was set.',
    verify: 'nc -zv PROXY PORT succeeds',
  },
  PROXY_AUTH: {
    hop: 'edge',
    scenario: 7,
    retry: false,
    title: 'The outbound proxy asks for credentials (407)',
    cause: 'The proxy wants a user and a password, or refuses the ones it was given.',
    fix: 'Put USER:PASSWORD@HOST:PORT into the proxy file.',
    verify: 'the log shows the control connection as CONNECTED',
  },
  PROXY_REFUSED: {
    hop: 'edge',
    scenario: 7,
    retry: true,
    title: 'The outbound proxy refused the CONNECT',
    cause: 'The proxy answered with a status other than 200.',
    fix: 'Allow CONNECT to the edge address and port on the proxy.',
    verify: 'the log shows the control connection as CONNECTED',
  },
  HANDSHAKE_TIMEOUT: {
    hop: 'edge',
    retry: true,
    title: 'The handshake did not end in time',
    cause: 'The peer stalled, or something on the way swallows parts of the handshake.',
    fix: 'Look for middleboxes that hold back TLS; try from another network.',
    verify: 'openssl s_client -connect EDGE:PORT completes at once',
  },
  EDGE_BUSY: {
    hop: 'edge',
    retry: true,
    title: 'The edge is at a limit for this address',
    cause: 'Too many connections or unfinished handshakes from one address.',
    fix: 'Wait, or raise the cap per address on the edge.',
    verify: 'the same request succeeds',
  },
  EDGE_DRAINING: {
    hop: 'edge',
    retry: true,
    title: 'The edge is draining',
    cause: 'The edge is stopping and takes no new tunnels.',
    fix: 'None needed: agents move by themselves.',
    verify: 'backstitch get edges',
  },
  PEER_REFUSED: {
    hop: 'edge',
    retry: false,
    title: 'The certificate of the peer is not one that may speak here',
    cause: 'There is none, it is not of the tenant CA, or it names another tenant, role or identity.',
    fix: 'Enrol the peer with this control plane; what was presented is named.',
    verify: 'backstitch status on the peer shows CONNECTED',
  },
  TICKET_INVALID: {
    hop: 'edge',
    retry: true,
    title: 'The ticket for this half of a tunnel was refused',
    cause: 'It is forged, expired, already used, or was issued to another identity or edge.',
    fix: 'None needed for an honest client: it asks for a new one.',
    verify: 'the next session opens',
  },
  PAIR_TIMEOUT: {
    hop: 'edge',
    retry: true,
    title: 'The other half of the tunnel did not arrive',
    cause: 'The other side was told to come to this edge and did not, in time.',
    fix: 'Look at the log of the peer that is named.',
    verify: 'the next session opens',
  },

  // control plane
  CONTROL_UNREACHABLE: {
    hop: 'control',
    retry: true,
    title: 'The control plane does not answer',
    cause: 'The control connection is down or its reply did not come in time.',
    fix: 'Check the control plane; sessions on valid grants go on meanwhile.',
    verify: 'backstitch client status shows CONNECTED',
  },
  CONTROL_STARTING: {
    hop: 'control',
    retry: true,
    title: 'The control plane is not ready yet',
    cause: 'It is opening its store.',
    fix: 'Wait a moment.',
    verify: 'GET /readyz answers 200',
  },
  POLICY_DENIED: {
    hop: 'control',
    retry: false,
    title: 'Policy does not allow this',
    cause: 'The rule that is named denies it, or no rule matched and the default is to deny.',
    fix: 'Change the access policy, or meet the condition that is named.',
    verify: 'backstitch client connect HOST PORT opens a session',
  },
  POSTURE_FAILED: {
    hop: 'control',
    retry: false,
    title: 'The device does not meet the posture the rule asks for',
    cause: 'A posture fact of the device is missing or has another value than the rule wants.',
    fix: 'Bring the device to the posture that is named.',
    verify: 'backstitch describe device ID shows the fact',
  },
  SEGMENT_UNMAPPED: {
    hop: 'control',
    scenario: 14,
    retry: false,
    title: 'The segment leads to no connector group',
    cause: 'The segment has no server group, or its server groups have no connector group.',
    fix: 'Attach a server group with a connector group to the segment.',
    verify: 'backstitch describe segment NAME shows the chain',
  },
  NO_HEALTHY_CONNECTOR: {
    hop: 'control',
    scenario: 16,
    retry: true,
    title: 'No connector can serve this segment now',
    cause: 'Every connector of the groups behind the segment is out, each for the reason that is named.',
    fix: 'Bring one of them back; keep at least two in each group.',
    verify: 'backstitch get connectors shows one healthy',
  },
  LOGIN_FAILED: {
    hop: 'control',
    retry: false,
    title: 'The sign-in was refused',
    cause: 'User or password is wrong, or the user is disabled.',
    fix: 'Try again; an admin can set a new password.',
    verify: 'backstitch client login succeeds',
  },
  TOKEN_INVALID: {
    hop: 'control',
    retry: false,
    title: 'The API token was not accepted',
    cause: 'It is missing, unknown, expired or revoked.',
    fix: 'Send Authorization: Bearer TOKEN with a valid token.',
    verify: 'GET /api/v1/whoami answers 200',
  },
  FORBIDDEN: {
    hop: 'control',
    retry: false,
    title: 'The role of this token does not allow the operation',
    cause: 'Each operation needs a role; this token has a lesser one.',
    fix: 'Use a token with the role that is named.',
    verify: 'the same request succeeds',
  },
  NOT_FOUND: {
    hop: 'control',
    retry: false,
    title: 'There is no such object',
    cause: 'Nothing has this kind and name or id.',
    fix: 'backstitch get KIND lists what there is.',
    verify: 'the same request with an existing name',
  },
  INVALID: {
    hop: 'control',
    retry: false,
    title: 'The request or configuration is not valid',
    cause: 'A value is missing, unknown or of the wrong form; the place is named.',
    fix: 'Correct the value at the place that is named.',
    verify: 'the same request succeeds',
  },
  IN_USE: {
    hop: 'control',
    retry: false,
    title: 'The object is in use',
    cause: 'Other objects refer to it; they are named.',
    fix: 'Change or delete those first.',
    verify: 'the same request succeeds',
  },
  CONFLICT: {
    hop: 'control',
    retry: false,
    title: 'The object already exists',
    cause: 'Names are unique within a kind.',
    fix: 'Choose another name, or update the existing object.',
    verify: 'the same request succeeds',
  },
  PRECONDITION_FAILED: {
    hop: 'control',
    retry: false,
    title: 'The object has changed since it was read',
    cause: 'If-Match does not equal the current ETag.',
    fix: 'Read it again, repeat the change, send the new ETag.',
    verify: 'the same request succeeds',
  },
  PRECONDITION_REQUIRED: {
    hop: 'control',
    retry: false,
    title: 'The change must say which version it is of',
    cause: 'A change or deletion came without If-Match, so it could undo what somebody else just did.',
    fix: 'Read the object and send its ETag as If-Match; If-Match: * changes whatever is there.',
    verify: 'the same request succeeds',
  },
  IDEMPOTENCY_KEY_REUSED: {
    hop: 'control',
    retry: false,
    title: 'The idempotency key was used for another request',
    cause: 'An Idempotency-Key names one request for 24 hours; this one came with other contents.',
    fix: 'Use a new key for a new request.',
    verify: 'the same request with a new key succeeds',
  },
  WRONG_HOST: {
    hop: 'control',
    retry: false,
    title: 'The request was meant for another site',
    cause: 'Its Host or Origin is not a name of this server: a web page may be misusing a browser.',
    fix: 'Use the name the server is known by, or add this one to its names.',
    verify: 'the same request succeeds',
  },
  TOO_LARGE: {
    hop: 'control',
    retry: false,
    title: 'The request is larger than allowed',
    cause: 'Bodies have a size limit before anything is read.',
    fix: 'Send less at once.',
    verify: 'the same request succeeds',
  },
  RATE_LIMITED: {
    hop: 'control',
    retry: true,
    title: 'Too many attempts',
    cause: 'Failed attempts from this address are counted and slowed down.',
    fix: 'Wait for the time that Retry-After names.',
    verify: 'the same request succeeds',
  },
  KEY_EXPIRED: {
    hop: 'control',
    scenario: 2,
    retry: false,
    title: 'The provisioning key has expired',
    cause: 'Provisioning keys end at the time set when they were made.',
    fix: 'backstitch key create --group GROUP, then put the new key into the key file.',
    verify: 'the log shows "Successfully enrolled"',
  },
  KEY_EXHAUSTED: {
    hop: 'control',
    scenario: 2,
    retry: false,
    title: 'The provisioning key has no uses left',
    cause: 'Each new connector costs one use.',
    fix: 'Raise the limit of the key, or create a new one.',
    verify: 'the log shows "Successfully enrolled"',
  },
  KEY_REVOKED: {
    hop: 'control',
    scenario: 2,
    retry: false,
    title: 'The provisioning key was revoked',
    cause: 'An admin revoked it.',
    fix: 'backstitch key create --group GROUP',
    verify: 'the log shows "Successfully enrolled"',
  },
  KEY_UNKNOWN: {
    hop: 'control',
    scenario: 2,
    retry: false,
    title: 'The provisioning key is not known here',
    cause: 'It belongs to another tenant or control plane, or was deleted.',
    fix: 'Create a key on this control plane.',
    verify: 'the log shows "Successfully enrolled"',
  },
  IDENTITY_CLONED: {
    hop: 'control',
    scenario: 3,
    retry: false,
    title: 'This identity is used in two places',
    cause: 'An older generation of the identity was presented: the state directory was copied.',
    fix: 'Remove the state directory of the copy and enrol it with a key of its own.',
    verify: 'backstitch get connectors shows two connectors',
  },
  IDENTITY_REVOKED: {
    hop: 'control',
    retry: false,
    title: 'The identity was revoked or disabled',
    cause: 'An admin disabled or deleted this connector, device or user.',
    fix: 'Enable it, or enrol anew.',
    verify: 'backstitch get connectors',
  },
  CERT_EXPIRED: {
    hop: 'control',
    scenario: 9,
    retry: false,
    title: 'The certificate of this identity has ended',
    cause: 'It was not renewed in time: the machine was off or cut off for longer than its life.',
    fix: 'Put a provisioning key in place and restart, or sign in again.',
    verify: 'backstitch status shows the certificate end in the future',
  },
  CLOCK_SKEW: {
    hop: 'control',
    scenario: 9,
    retry: true,
    title: 'The clock of this machine is off',
    cause: 'Certificates and grants have a life; a clock that is minutes off sees them as not valid.',
    fix: 'Repair time synchronisation: chronyc makestep, or timedatectl set-ntp true.',
    verify: 'chronyc tracking shows Leap status: Normal',
  },
  VERSION_UNSUPPORTED: {
    hop: 'control',
    retry: false,
    title: 'The two sides speak different protocol versions',
    cause: 'One side is too old for the other; both versions are named.',
    fix: 'Upgrade the older side.',
    verify: 'backstitch --version on both sides',
  },
  AUDIT_BROKEN: {
    hop: 'control',
    retry: false,
    title: 'The audit chain is broken',
    cause: 'A record was changed, removed or added outside the program; the first bad one is named.',
    fix: 'Restore the store from a backup and find who could write to it.',
    verify: 'backstitch audit verify prints: chain intact',
  },
  STORE_FAILED: {
    hop: 'control',
    retry: true,
    title: 'The store could not be read or written',
    cause: 'The database file is locked, damaged, on a full disk, or its settings are unsafe.',
    fix: 'Look at the cause that is named; free space or repair the file.',
    verify: 'GET /readyz answers 200',
  },
  MASTER_KEY: {
    hop: 'control',
    retry: false,
    title: 'The master key does not open the store',
    cause: 'The key is missing, malformed, readable by others, or not the one the secrets were sealed with.',
    fix: 'Bring back the master key that was made on the first run.',
    verify: 'the server starts',
  },

  // connector
  KEY_MISSING: {
    hop: 'connector',
    scenario: 2,
    retry: true,
    title: 'There is no provisioning key',
    cause: 'This machine is not enrolled and the key file does not exist or is empty.',
    fix: 'backstitch key create --group GROUP > KEYFILE',
    verify: 'the log shows "Successfully enrolled"',
  },
  KEY_MALFORMED: {
    hop: 'connector',
    scenario: 2,
    retry: false,
    title: 'The provisioning key cannot be read',
    cause: 'A character was changed on the way: smart quotes, spaces, a byte order mark, a missing end.',
    fix: 'Copy the key again as it was printed; the character and its position are named.',
    verify: 'the log shows "Successfully enrolled"',
  },
  KEY_UNREADABLE: {
    hop: 'connector',
    scenario: 2,
    retry: true,
    title: 'The key file exists but may not be read',
    cause: 'Its owner and mode do not let the service user read it.',
    fix: 'chown it to the service user; mode 0600.',
    verify: 'the log shows "Successfully enrolled"',
  },
  SEAL_BROKEN: {
    hop: 'connector',
    scenario: 3,
    retry: false,
    title: 'The identity is sealed to another machine',
    cause: 'Fewer than three of the machine factors still match: a clone, or more than one change at once.',
    fix: 'Remove the state directory that is named and enrol again with a provisioning key.',
    verify: 'the log shows "Successfully enrolled"',
  },
  STATE_UNWRITABLE: {
    hop: 'connector',
    retry: true,
    title: 'The state directory cannot be written',
    cause: 'It does not exist, belongs to another user, is read-only or the disk is full.',
    fix: 'Correct owner and mode, or free space, at the path that is named.',
    verify: 'the daemon starts',
  },
  DISK_FULL: {
    hop: 'connector',
    retry: true,
    title: 'There is no space left where state is kept',
    cause: 'The file system of the state directory has no free blocks or no free inodes.',
    fix: 'Free space on the file system that is named.',
    verify: 'df -h STATE shows free space',
  },
  MAC_DENIED: {
    hop: 'connector',
    retry: true,
    title: 'SELinux or AppArmor forbids the daemon something',
    cause:
      'The security policy of the system has no permission for what the daemon does; file modes do not matter.',
    fix: 'Install the policy module of Backstitch, or allow what the denial names. Do not turn enforcement off.',
    verify: 'ausearch -m avc -ts recent prints nothing new',
  },
  CONNECTOR_OVERLOADED: {
    hop: 'connector',
    scenario: 10,
    retry: true,
    title: 'This machine is at the end of what it can carry',
    cause: 'Processor, memory or local ports are used up; sessions wait or fail.',
    fix: 'Add a connector to the group, or make this machine larger.',
    verify: 'the load of each connector stays under 70 %',
  },
  UPGRADE_FAILED: {
    hop: 'connector',
    scenario: 11,
    retry: true,
    title: 'An upgrade did not complete',
    cause: 'The package did not verify, the disk was full, or the new version could not start.',
    fix: 'Free space, then install the package again; the old version stays until the new one has connected.',
    verify: 'backstitch --version shows the new version and status shows CONNECTED',
  },
  FLAPPING: {
    hop: 'connector',
    scenario: 12,
    retry: true,
    title: 'The control connection comes and goes',
    cause: 'Something ends it again and again: an unstable link, an idle timeout on the way, a watchdog.',
    fix: 'Look at the cause of each drop and at the period, which are named.',
    verify: 'the connection stands for 30 minutes',
  },
  STATE_IN_USE: {
    hop: 'connector',
    retry: true,
    title: 'Another process runs on this state directory',
    cause: 'Its status socket answers: the same role was started twice.',
    fix: 'Stop the process that is named, or give this one a state directory of its own.',
    verify: 'the daemon starts',
  },
  FD_EXHAUSTED: {
    hop: 'connector',
    retry: true,
    title: 'The process has no file descriptors left',
    cause: 'Every session holds one; the limit of the process is too low for this load, or something leaks.',
    fix: 'Raise LimitNOFILE of the service, or spread the load over more connectors.',
    verify: 'backstitch status shows the sessions and no fault',
  },
  GRANT_INVALID: {
    hop: 'connector',
    retry: true,
    title: 'The grant was refused by the connector',
    cause: 'It is forged, for another connector, or bound to another certificate.',
    fix: 'None needed for an honest client: it asks for a new one.',
    verify: 'the next session opens',
  },
  GRANT_EXPIRED: {
    hop: 'connector',
    retry: true,
    title: 'The grant has expired',
    cause: 'Grants live for minutes and are renewed while the control plane answers.',
    fix: 'None needed while the control plane answers.',
    verify: 'the next session opens',
  },
  GRANT_REVOKED: {
    hop: 'connector',
    retry: false,
    title: 'The permission was revoked',
    cause: 'The user, the device, the segment or the rule was changed, so live sessions were cut.',
    fix: 'Ask the owner of the policy.',
    verify: 'backstitch client connect HOST PORT opens a session',
  },
  DESTINATION_OUTSIDE_GRANT: {
    hop: 'connector',
    retry: false,
    title: 'The destination is not within the grant',
    cause: 'The stream asked for a name, address or port that the grant does not name.',
    fix: 'Open it as its own destination, so that policy is asked.',
    verify: 'backstitch client connect HOST PORT opens a session',
  },
  ADDRESS_FORBIDDEN: {
    hop: 'connector',
    retry: false,
    title: 'The name resolved to an address that the segment does not allow',
    cause: 'The answer is outside the CIDRs of the segment, or loopback, link-local or the connector itself.',
    fix: 'Correct the DNS record, or add the network to the segment if it is meant.',
    verify: 'getent hosts APP on the connector prints an allowed address',
  },
  TUNNEL_LOST: {
    hop: 'connector',
    retry: true,
    title: 'The tunnel broke',
    cause: 'The connection that carried the session ended before the session did.',
    fix: 'Open the session again; if it repeats, look at the log of edge and connector.',
    verify: 'the session opens again',
  },
  PROTOCOL_ERROR: {
    hop: 'connector',
    retry: false,
    title: 'The peer broke the protocol',
    cause: 'A frame or message was not of the form the protocol allows.',
    fix: 'Run the same version on both sides; report it if they are.',
    verify: 'backstitch --version on both sides',
  },
  TOO_MANY_STREAMS: {
    hop: 'connector',
    retry: true,
    title: 'The tunnel has no room for another session',
    cause: 'The cap on open sessions in one tunnel is reached.',
    fix: 'Close some, or raise the cap.',
    verify: 'the session opens',
  },
  CONNECTOR_DRAINING: {
    hop: 'connector',
    retry: true,
    title: 'The connector is stopping',
    cause: 'It finishes what is open and takes nothing new.',
    fix: 'None needed: another connector of the group is chosen.',
    verify: 'the session opens again',
  },
  INTERNAL: {
    hop: 'control',
    retry: true,
    title: 'A defect in Backstitch',
    cause: 'Something happened that the program did not expect.',
    fix: 'Report it with the log line that carries the same id.',
    verify: 'none',
  },

  // dns, as the connector sees it
  APP_NAME_NXDOMAIN: {
    hop: 'dns',
    scenario: 13,
    retry: true,
    title: 'The connector cannot resolve the application name',
    cause: 'The resolver of the connector does not know the name.',
    fix: 'Add the record, or point the connector at a resolver that knows the zone.',
    verify: 'getent hosts APP on the connector prints an address',
  },
  APP_NAME_WRONG_VIEW: {
    hop: 'dns',
    scenario: 13,
    retry: true,
    title: 'The application name resolves to an address of the wrong view',
    cause:
      'The resolver gives the public answer, or resolvers disagree, where an internal address was expected.',
    fix: 'Point the connector at a resolver of the internal view.',
    verify: 'getent hosts APP on the connector prints an address of the expected network',
  },
  APP_RESOLVER_DOWN: {
    hop: 'dns',
    scenario: 13,
    retry: true,
    title: 'The resolver of the connector does not answer',
    cause: 'Time-out or server failure from the resolver in /etc/resolv.conf.',
    fix: 'Repair the resolver, or configure another.',
    verify: 'getent hosts APP on the connector prints an address',
  },

  // application
  APP_REFUSED: {
    hop: 'application',
    scenario: 14,
    retry: true,
    title: 'The application refused the connection',
    cause: 'Nothing listens on this address and port, or a firewall rejects.',
    fix: 'Start the application, or correct the port in the segment.',
    verify: 'nc -zv APP PORT on the connector succeeds',
  },
  SEGMENT_PORT_MISMATCH: {
    hop: 'application',
    scenario: 14,
    retry: false,
    title: 'The application answers on another port than the segment says',
    cause: 'Nothing listens on the port of the segment; a usual neighbouring port is open.',
    fix: 'Correct the ports of the segment, or move the application.',
    verify: 'nc -zv APP PORT on the connector succeeds for the port of the segment',
  },
  APP_TLS_NAME: {
    hop: 'application',
    scenario: 14,
    retry: false,
    title: 'The certificate of the application is for another name',
    cause: 'Programs connect by a name that the certificate of the application does not have.',
    fix: 'Add the name to the certificate, or use a name that it has.',
    verify: 'openssl s_client -connect APP:PORT -servername APP -verify_hostname APP verifies',
  },
  APP_TIMEOUT: {
    hop: 'application',
    scenario: 14,
    retry: true,
    title: 'The application does not answer',
    cause: 'The connection attempt from the connector was dropped.',
    fix: 'Allow the connector to reach the application address and port.',
    verify: 'nc -zv APP PORT on the connector succeeds',
  },
  APP_UNREACHABLE: {
    hop: 'application',
    scenario: 14,
    retry: true,
    title: 'There is no way from the connector to the application',
    cause: 'No route to the address, or it is forbidden on the way.',
    fix: 'Repair the route from the connector.',
    verify: 'nc -zv APP PORT on the connector succeeds',
  },
  APP_RESET: {
    hop: 'application',
    retry: true,
    title: 'The application reset the connection',
    cause: 'The application or something before it closed the connection hard.',
    fix: 'Look at the log of the application.',
    verify: 'the session stays open',
  },
} as const satisfies Record<string, FaultRow>

export type FaultCode = keyof typeof FAULTS

export function isFaultCode(text: string): text is FaultCode {
  return Object.hasOwn(FAULTS, text)
}

export interface FaultOptions extends ErrorOptions {
  /** Overrides the owner where the code can happen at several hops (PROTOCOL_ERROR, INTERNAL, INVALID…). */
  readonly hop?: Hop
  /** What was seen, verbatim, by name: errno, issuer, position. Never a secret. */
  readonly seen?: Readonly<Record<string, string | number | boolean | readonly string[]>>
}

/** A failure that names its hop. Match on `code`, never on the message. `detail` says what happened here. */
export class Fault extends Error {
  readonly code: FaultCode
  readonly hop: Hop
  readonly detail: string
  readonly seen: NonNullable<FaultOptions['seen']>

  constructor(code: FaultCode, detail: string, options: FaultOptions = {}) {
    super(`${code}: ${FAULTS[code].title}: ${detail}`, options)
    this.name = 'Fault'
    this.code = code
    this.hop = options.hop ?? FAULTS[code].hop
    this.detail = detail
    this.seen = options.seen ?? {}
  }

  get retry(): boolean {
    return FAULTS[this.code].retry
  }
}

/** Anything thrown, as a Fault: a Fault stays itself, everything else becomes `code` with the cause kept. */
export function asFault(thrown: unknown, code: FaultCode = 'INTERNAL', hop?: Hop): Fault {
  if (thrown instanceof Fault) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new Fault(code, message, { cause: thrown, hop })
}
