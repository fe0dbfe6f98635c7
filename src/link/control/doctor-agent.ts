/** By which a doctor's requests to an edge are told from an attack in the log of the server. Anybody may say it: it opens nothing. */
export const DOCTOR_AGENT = 'backstitch-doctor'
