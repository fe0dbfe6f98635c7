/**
 * `lab up`: a lab that stays until Ctrl-C, and does what other terminals ask of it.
 *
 * @module
 */
import path from 'node:path'
import { untilInterrupted } from './interrupt.ts'
import { Lab } from './lab.ts'
import { takeOrders } from './orders.ts'
import { nameOf } from './scenario.ts'
import { type Chosen, choose } from './scenarios/all.ts'
import type { Watched } from './show/show.ts'

export async function hold(say: (line: string) => void): Promise<void> {
  using stop = untilInterrupted()
  const down = Promise.withResolvers<undefined>()
  let lab: Lab | undefined
  let broken: Chosen | undefined
  await using _orders = await takeOrders(async (order, reply) => {
    if (order.do === 'down') return down.resolve(undefined)
    if (lab === undefined) throw new Error('the lab is still coming up')
    if (order.do === 'status') return reply(await statusText(lab, broken))
    if (order.do === 'sockets') return reply(JSON.stringify(watchedOf(lab, broken)))
    if (order.do === 'fix') {
      if (broken === undefined) return reply('nothing is broken')
      await broken.variant.restore?.(lab)
      await lab.repair()
      reply(`${nameOf(broken.scenario, broken.variant)} is fixed: both connectors are healthy`)
      broken = undefined
    } else if (order.do === 'break') {
      if (broken) throw new Error(`${nameOf(broken.scenario, broken.variant)} is broken: backstitch lab fix`)
      broken = choose(order.scenario)[0]
      if (broken === undefined) throw new Error(`no scenario ${order.scenario}`)
      await broken.variant.inject(lab)
      reply(`broken: ${broken.variant.does}`)
    } else throw new Error(`no command "${order.do}"`)
  })
  const opening = Lab.up(say)
  try {
    lab = await Promise.race([opening, stop.now, down.promise])
    if (lab !== undefined) {
      say(`\n${commands(lab)}\n\nCtrl-C stops the lab and removes everything.`)
      await Promise.race([stop.now, down.promise])
    }
  } finally {
    // A lab that was interrupted while it came up is there in a moment, or has removed itself.
    await (await opening.catch(() => undefined))?.[Symbol.asyncDispose]()
  }
}

/** @param broken Said beside the picture. */
export function watchedOf(lab: Lab, broken?: Chosen): Watched {
  const sockets = Object.values(lab.connectors).map(({ machine, stateDir }) => ({
    name: machine.name,
    socket: path.join(stateDir, 'status.sock'),
  }))
  return { sockets, broken: broken && `broken: ${nameOf(broken.scenario, broken.variant)}` }
}

async function statusText(lab: Lab, broken: Chosen | undefined): Promise<string> {
  const { a, b } = lab.connectors
  const states = await Promise.all(
    [a, b].map(async (one) => `${one.machine.name}  ${(await one.status())?.state ?? 'does not answer'}`),
  )
  const user = (await lab.ask()) === undefined ? 'does not reach' : 'reaches'
  const what = broken ? `broken: ${nameOf(broken.scenario, broken.variant)}` : 'nothing is broken'
  return `${states.join('\n')}\nuser         ${user} the application\n${what}\n\n${commands(lab)}`
}

/** Ready to paste: how to be on each machine. */
function commands(lab: Lab): string {
  const { machine, stateDir, configFile } = lab.connectors.a
  return [
    `on a machine:  ip netns exec ${machine.namespace} bash   (machines: ${Object.keys(lab.machines).join(', ')})`,
    `the doctor:    ip netns exec ${machine.namespace} bin/backstitch doctor connector --config ${configFile} --state ${stateDir}`,
    `the log:       ${machine.dir}/connector.log`,
  ].join('\n')
}
