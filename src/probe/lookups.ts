/** Look-ups of names that hold a thread of this process now; by itself, as every command asks before it ends. */
export const lookups = { underWay: 0 }
