import { browse } from '../browse.ts'
import { printed } from '../cures.ts'
import type { Lab } from '../lab.ts'
import type { Scenario, Variant } from '../scenario.ts'
import { pullSecondCable, secondCable } from '../second-cable.ts'
import { ADDRESS, APP_NAME, APP_PORT } from '../topology.ts'
import { silent } from './scn-14-silent.ts'
import { tlsDays, tlsName } from './scn-14-tls.ts'
import { udpRefused, udpUnanswered } from './scn-14-udp.ts'

/** The user tries until a connector has said that it cannot get there. */
export async function connectorSaysSo(lab: Lab): Promise<boolean> {
  await lab.ask('/', 6)
  const states = await Promise.all([lab.connectors.a.status(), lab.connectors.b.status()])
  return states.some((status) => status?.state === 'degraded')
}

function variant(
  o: Omit<Variant, 'app' | 'cutsAll' | 'noticed'> & Partial<Pick<Variant, 'noticed'>>,
): Variant {
  return {
    app: `${APP_NAME}:${APP_PORT}`,
    cutsAll: true,
    noticed: connectorSaysSo,
    noticeMs: 60_000,
    ...o,
  }
}

async function restart(lab: Lab): Promise<void> {
  await lab.stopApp()
  lab.startApp()
}

export const application: Scenario = {
  id: 'SCN-14',
  title: 'The connectors are healthy, the application is unreachable',
  story: `"The VPN is broken again", says the ticket. Every connector is green, every tunnel is up, other applications work.
What is left is the last mile, from the connector to the application's machine, and that mile belongs to another team.`,
  variants: [
    variant({
      name: 'port',
      does: 'after an upgrade the application listens on 8000 instead of 8080',
      hints: ["the application's machine is up", 'it refuses', 'try neighbouring ports'],
      hop: 'application',
      code: 'SEGMENT_PORT_MISMATCH',
      seen: [/10\.1\.9\.80:8080 ECONNREFUSED/, /10\.1\.9\.80:8000 connected/],
      async inject(lab) {
        await lab.stopApp()
        lab.startApp(8000)
      },
      cure: restart, // "or let the application listen on 8080"
      restore: restart,
    }),
    variant({
      name: 'refused',
      does: 'the application is stopped',
      hints: ["the application's machine is up", 'it refuses', 'nothing listens'],
      hop: 'application',
      code: 'APP_REFUSED',
      seen: [/10\.1\.9\.80:8080 ECONNREFUSED/],
      inject: (lab) => lab.stopApp(),
      cure: async (lab) => lab.startApp(), // "start the application"
      restore: restart,
    }),
    variant({
      name: 'timeout',
      does: 'a firewall drops packets from the connectors to the application',
      hints: ["the application's name resolves", 'nothing refuses', 'nothing answers either'],
      hop: 'application',
      code: 'APP_TIMEOUT',
      seen: [/10\.1\.9\.80:8080 no answer in/],
      inject: (lab) =>
        lab.firewall.block(`ip saddr 10.1.1.0/24 ip daddr ${ADDRESS.app} tcp dport ${APP_PORT} drop`),
      async cure(lab, finding) {
        printed(finding, /^allow TCP from this connector to 10\.1\.9\.80 port 8080$/)
        await lab.firewall.allow(`ip saddr 10.1.1.0/24 ip daddr ${ADDRESS.app} tcp dport ${APP_PORT} accept`)
      },
    }),
    {
      name: 'asymmetric',
      does: "the application's replies come back to connector-a over a different cable than requests leave by",
      hints: [
        'connector-b reaches the application',
        'tcpdump shows replies, the program sees none',
        'rp_filter',
      ],
      hop: 'application',
      code: 'RETURN_PATH_ASYMMETRIC',
      app: `${APP_NAME}:${APP_PORT}`,
      seen: [/dropped by reverse-path filtering/, /ip route get: 10\.1\.9\.80/],
      noticeMs: 60_000,
      noticed: connectorSaysSo,
      cutsAll: true,
      async inject(lab) {
        await lab.connectors.b.stop()
        await secondCable(lab, 'app')
      },
      async cure(lab, finding) {
        printed(finding, /^on the side of the application: route this connector's source address back/)
        await pullSecondCable(lab)
      },
      async restore(lab) {
        await pullSecondCable(lab)
        if (!lab.connectors.b.runs) lab.connectors.b.start()
      },
    },
    variant({
      name: 'prohibited',
      does: 'a firewall in front of the application answers "administratively prohibited"',
      hints: [
        "the application's name resolves",
        'an answer comes at once',
        'tcpdump icmp: which machine refuses?',
      ],
      hop: 'application',
      code: 'APP_UNREACHABLE',
      seen: [/10\.1\.9\.80:8080 EHOSTUNREACH after/],
      inject: (lab) =>
        lab.firewall.block(
          `ip saddr 10.1.1.0/24 ip daddr ${ADDRESS.app} tcp dport ${APP_PORT} reject with icmp type admin-prohibited`,
        ),
      async cure(lab, finding) {
        printed(finding, /^allow TCP from this connector to 10\.1\.9\.80 port 8080$/)
        await lab.firewall.allow(`ip saddr 10.1.1.0/24 ip daddr ${ADDRESS.app} tcp dport ${APP_PORT} accept`)
      },
    }),
    variant({
      name: 'hung-up',
      does: 'the application closes each connection at once: its allow list does not include the connectors',
      hints: [
        'TCP connects, so every health check is green',
        'the browser shows a Backstitch page, and nothing was reset',
        'which side closed the connection, and after how many bytes?',
      ],
      hop: 'application',
      code: 'APP_HUNG_UP',
      seen: [/10\.1\.9\.80:8080 connected, closed cleanly by it after \d+ ms, no byte received/],
      async inject(lab) {
        await lab.stopApp()
        lab.startApp(APP_PORT, 'hang-up-main')
      },
      // For a connector all is well: it is connected. Whoever asks for something gets the page.
      noticed: async (lab) => (await browse(lab)).findings.some(({ code }) => code === 'APP_HUNG_UP'),
      async cure(lab, finding) {
        printed(finding, /list of allowed addresses$/)
        await restart(lab)
      },
      restore: restart,
    }),
    variant({
      name: 'full-queue',
      does: 'the application hangs and accepts no connections: its queue is full, and its kernel drops new ones',
      hints: [
        "the application's machine answers ping",
        'its other ports refuse at once',
        'ss -ltn there: Recv-Q',
      ],
      hop: 'application',
      code: 'APP_TIMEOUT',
      seen: [/10\.1\.9\.80:8080 no answer in/, /its machine is up: ping replies/],
      async inject(lab) {
        await lab.stopApp()
        lab.startApp(APP_PORT, 'full-queue-main')
      },
      async cure(lab, finding) {
        printed(finding, /ss -ltn 'sport = :8080'/)
        await restart(lab)
      },
      restore: restart,
    }),
    tlsName,
    ...tlsDays,
    ...silent,
    udpRefused,
    udpUnanswered,
  ],
}
