// What it costs to send a parcel: in JavaScript, because its authors like it.
const CENTS = { AT: 590, CH: 1290, DE: 490, FR: 890 };

export const handler = async (event) => {
  const { country = "", grams = "0" } = event.queryStringParameters ?? {};
  const price = CENTS[country.toUpperCase()];
  if (price === undefined) {
    const message = `we do not ship to ${country || "nowhere"}`;
    return { statusCode: 404, body: JSON.stringify({ message }) };
  }
  console.log(`a quote for ${grams} g to ${country}`);
  return { country, cents: price + Math.ceil(Number(grams) / 500) * 120 };
};
