// Everything that a client on a server tells of one person; the name of the client is the first argument.
const [name, userId] = process.argv.slice(2);
const options = { writeKey: process.env.WRITE_KEY, host: process.env.FRONT_DOOR };

const makers = {
  segment: async () => {
    const { Analytics } = await import("@segment/analytics-node");
    return new Analytics(options);
  },
  rudderstack: async () => {
    const { default: Analytics } = await import("@rudderstack/rudder-sdk-node");
    return new Analytics(options.writeKey, { dataPlaneUrl: options.host, errorHandler: failed });
  },
  customerio: async () => {
    const { Analytics } = await import("@customerio/cdp-analytics-node");
    return new Analytics(options);
  },
};

function failed(error) {
  console.error(error);
  process.exitCode = 1;
}

const client = await makers[name]();
client.on?.("error", failed);
const threeHoursAgo = new Date(Date.now() - 3 * 3600 * 1000);
const product = { product_id: "p-1", name: "Tent", category: "camping", price: 59.9, quantity: 2 };

client.identify({ userId, traits: { email: "ada@example.com", firstName: "Ada" } });
client.page({ userId, name: "Start", properties: { path: "/start" } });
client.screen({ userId, name: "Home" });
client.group({ userId, groupId: "acme", traits: { name: "Acme", email: "office@acme.example" } });
client.alias({ userId, previousId: "a-1" });
client.track({ userId, event: "Product Added", properties: product });
client.track({
  userId,
  event: "Order Completed",
  properties: { order_id: "o-1", value: 119.8, currency: "EUR", products: [product] },
  timestamp: threeHoursAgo,
});
await (client.closeAndFlush ? client.closeAndFlush() : client.flush());
