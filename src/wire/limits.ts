/**
 * How long the words of strangers may be: one number each, for the decoders of frames and for the schemas of messages, so
 * that what one lets in the other takes.
 *
 * @module
 */

/** Of a host name, without its final dot (RFC 1035). */
export const MAX_HOST_CHARS = 253
/** Of what is said about the end of a stream, in bytes of UTF-8: there are never more characters. */
export const MAX_DETAIL_BYTES = 1024
/** Facts that a device reports of itself: each is looked at with every decision about it. */
export const MAX_POSTURE_FACTS = 64
