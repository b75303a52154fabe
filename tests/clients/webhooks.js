// Checks deliveries with the official library of Standard Webhooks, and with the sample of the vendor's text: node webhooks.js FILE
//
// FILE holds a JSON list of {secret, headers, body}; printed is a list of {standard, bare}: whether each accepts it.

const crypto = require("crypto");
const fs = require("fs");
const { Webhook } = require("standardwebhooks");

// As the text has it.
function verify(rawBody, signature, secret) {
  const expected = crypto.createHmac("sha256", secret).update(rawBody).digest("hex");
  return crypto.timingSafeEqual(Buffer.from(expected), Buffer.from(signature));
}

function standard({ secret, headers, body }) {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

const cases = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const bare = ({ secret, headers, body }) => verify(Buffer.from(body), headers["x-signature"], secret);
console.log(JSON.stringify(cases.map((one) => ({ standard: standard(one), bare: bare(one) }))));
