// Drives the official SDK as its README shows, unchanged: node sdk.js BASE_URL API_KEY FILE…
//
// Prints one JSON object: what `detect` answered or threw for each file, and what `checkUserCredits` did.

const path = require("path");
const { ImageDetectionClient } = require("@truthscan/image-detection");

// The SDK logs to the console, the API key included; this keeps it free for the result.
const nothing = () => {};
const quiet = { debug: nothing, info: nothing, warn: nothing, error: nothing };

async function attempt(call) {
  try {
    return await call();
  } catch (error) {
    // What a user of the SDK would see is the result here.
    return { raised: error.constructor.name, message: error.message };
  }
}

async function main([baseUrl, key, ...files]) {
  const client = new ImageDetectionClient(key, baseUrl, undefined, quiet);
  const results = {};
  for (const file of files) {
    results[path.basename(file)] = await attempt(() => client.detect(file));
  }
  console.log(JSON.stringify({ results, credits: await attempt(() => client.checkUserCredits()) }));
}

main(process.argv.slice(2));
