/** A local socket that breaks is dealt with where its close is seen; its error needs only to be heard. */
export function ignoreError(): void {}
