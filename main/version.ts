// The product's version as it shows itself; test/shape.test.ts holds it equal to package.json.

export const VERSION = '0.1.0';
