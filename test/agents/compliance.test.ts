import { createHash, X509Certificate } from 'node:crypto'
import { silentLog } from '../../src/base/log.ts'
import { StateDir } from '../../src/base/state-dir.ts'
import { Client } from '../../src/client/client.ts'
import { clientOptions } from '../../src/client/options.ts'
import { loadProfile, saveProfile } from '../../src/client/uplink/profile.ts'
import { Connector } from '../../src/connector/connector.ts'
import { loadConnectorIdentity, saveConnectorIdentity } from '../../src/connector/enrol/identity.ts'
import { SealedState } from '../../src/connector/enrol/sealed-state.ts'
import { connectorOptions } from '../../src/connector/options.ts'
import { EdgeDaemon } from '../../src/edge/edge-daemon.ts'
import { edgeIdentityIn } from '../../src/edge/edge-identity.ts'
import { edgeConfig } from '../../src/edge/edge-options.ts'
import { readMachine } from '../../src/probe/machine.ts'
import { type AgentKind, agentComplies } from './compliance.ts'

const NONE = '/nonexistent/file'
const sealed = async (dir: string) =>
  new SealedState(await StateDir.open(dir, 'connector'), await readMachine(), silentLog)

const connector: AgentKind = {
  ...{ role: 'connector', verifies: true, endsAsClone: true, tellsFirst: 'status' },
  unexpected: { type: 'lanes', lanes: { bypass: [], claimed: [] } },
  store: async (dir, identity, edge) => saveConnectorIdentity(await sealed(dir), { ...identity, edge }),
  stored: async (dir) => (await loadConnectorIdentity(await sealed(dir)))?.certificate,
  serve(stateDir, log, signal) {
    const config = { stateDir, keyFile: NONE, proxyFile: NONE, drainSeconds: 0 }
    return new Connector({ ...connectorOptions(config, log), env: {} }).serve(signal)
  },
}

const edge: AgentKind = {
  ...{ role: 'edge', verifies: true, endsAsClone: true, tellsFirst: 'edge-status' },
  unexpected: { type: 'lanes', lanes: { bypass: [], claimed: [] } },
  store: async (dir, identity, home) =>
    edgeIdentityIn(await StateDir.open(dir, 'edge')).save({ ...identity, home }),
  stored: async (dir) => (await edgeIdentityIn(StateDir.at(dir, 'edge')).load())?.certificate,
  serve(stateDir, log, signal) {
    const {
      home: _,
      workers: __,
      ...config
    } = edgeConfig.parse({
      stateDir,
      keyFile: NONE,
      proxyFile: NONE,
      drainSeconds: 0,
    })
    return new EdgeDaemon({ ...config, listen: { host: '127.0.0.1', port: 0 }, log, env: {} }).serve(signal)
  },
}

const client: AgentKind = {
  ...{ role: 'client', verifies: false, endsAsClone: false },
  unexpected: { type: 'edge-state', whole: true, revoked: [], ended: [] },
  async store(dir, { id: deviceId, ...identity }, at) {
    const pin = createHash('sha256').update(new X509Certificate(identity.rootPem).raw).digest('hex')
    const profile = { version: 1, edge: at, pin, deviceId, user: 'ada', ...identity } as const
    await saveProfile(await StateDir.open(dir, 'client'), profile)
  },
  stored: async (dir) => (await loadProfile(StateDir.at(dir, 'client')))?.certificate,
  serve: (stateDir, log, signal) =>
    new Client({ ...clientOptions({ stateDir, listen: 'off', proxyFile: NONE }, log), env: {} }).serve(
      signal,
    ),
}

for (const kind of [connector, client, edge]) agentComplies(kind)
