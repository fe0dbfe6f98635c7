import type { Check } from '../check.ts'
import { appAddress, appName } from './app-name.ts'
import { appReach } from './app-reach.ts'
import { appSession } from './app-session.ts'
import { appSilence } from './app-silence.ts'
import { appTls } from './app-tls.ts'
import { appUdp } from './app-udp.ts'
import { appAnswer, appMtu, appPort } from './application.ts'
import { clock } from './clock.ts'
import { controlPort } from './control-port.ts'
import { control, running } from './daemon.ts'
import { leak, lookups } from './daemon-note.ts'
import { edgeChoice } from './edge-choice.ts'
import { edgeName } from './edge-name.ts'
import { edgeRecords, upgrade } from './edge-records.ts'
import { edgeTcp } from './edge-tcp.ts'
import { edgeCertificate, edgeTls } from './edge-tls.ts'
import { certificate, provisioningKey, seal } from './identity.ts'
import { link } from './link.ts'
import { descriptors, overload } from './load.ts'
import { disk, resolverFile, securityPolicy, stateDirectory } from './machine.ts'
import { proxy, proxySetting } from './proxy.ts'
import { resolver } from './resolver.ts'
import { flapping } from './stability.ts'
import { upgradePackage, upgradeVersion } from './upgrade-package.ts'
import { workers } from './workers.ts'

/** Every check, in the order of the path: of independent failures the first is the headline. */
export const CHECKS: readonly Check[] = [
  securityPolicy,
  disk,
  stateDirectory,
  provisioningKey,
  seal,
  link,
  resolverFile,
  resolver,
  edgeName,
  proxySetting,
  proxy,
  edgeTcp,
  edgeTls,
  clock,
  edgeRecords,
  upgrade,
  edgeCertificate,
  certificate,
  descriptors,
  control,
  running,
  workers,
  appSession,
  appName,
  appAddress,
  appPort,
  appUdp,
  appAnswer,
  appTls,
  appMtu,
  appSilence,
  appReach,
  edgeChoice,
  controlPort,
  overload,
  leak,
  lookups,
  flapping,
  upgradePackage,
  upgradeVersion,
]
