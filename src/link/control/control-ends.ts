/** The two ends of a control connection. */
import type { WebSocket } from 'ws'
import type { Fault } from '../../base/faults.ts'
import type { AgentMessage, ControlMessage } from '../../wire/control.ts'
import { type ChannelOptions, ControlChannel } from './control-channel.ts'
import { faultToMessage } from './fault-message.ts'
import { OF_AGENT, OF_CONTROL } from './read-message.ts'

/** The end an agent holds. */
export type AgentChannel = ControlChannel<AgentMessage, ControlMessage>
/** The end the control plane holds. */
export type ControlEnd = ControlChannel<ControlMessage, AgentMessage>

/** The agent's end of a WebSocket whose peer is proved to be an edge. */
export function agentChannel(socket: WebSocket, o: ChannelOptions = {}): AgentChannel {
  return new ControlChannel(socket, OF_AGENT, o, { pingsOnlyInSilence: false })
}

/** The control plane's end of a WebSocket whose peer is proved to be an agent. */
export function controlEnd(socket: WebSocket, o: ChannelOptions = {}): ControlEnd {
  return new ControlChannel(socket, OF_CONTROL, o, { pingsOnlyInSilence: true })
}

/** Ends an agent's connection and tells it why. */
export function sayGoodbye(channel: ControlEnd, fault: Fault): void {
  channel.send({ type: 'goodbye', fault: faultToMessage(fault) })
  channel.close(fault)
}
