export async function createKeyAndCsr(_commonName: string): Promise<{ keyPem: string; csrPem: string }> {
  throw new Error('being written')
}
export async function csrPublicKeyHash(_csrPem: string): Promise<string> {
  throw new Error('being written')
}
