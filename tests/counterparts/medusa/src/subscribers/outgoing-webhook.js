// Medusa has no outgoing webhooks of its own: this sends every event to one address, signed, once.
const { createHmac } = require("crypto")

const address = process.env.OUT_WEBHOOK_URL
const secret = process.env.OUT_WEBHOOK_SECRET || "local-only"

module.exports = {
  default: async function forward({ event, container }) {
    if (!address) return
    const body = JSON.stringify({ name: event.name, data: event.data, metadata: event.metadata || null, sent_at: new Date().toISOString() })
    const signature = createHmac("sha256", secret).update(body).digest("hex")
    try {
      await fetch(address, {
        method: "POST",
        headers: { "content-type": "application/json", "x-signature": signature },
        body,
        signal: AbortSignal.timeout(3000),
      })
    } catch (error) {
      container.resolve("logger").warn(`webhook ${event.name} lost: ${error.message}`)
    }
  },
  config: { event: "*", context: { subscriberId: "outgoing-webhook" } },
}
