import { readFileSync } from "node:fs";
import { buildSchema, parse, validate } from "graphql";
import { describe, expect, it } from "vitest";
import * as documents from "./documents";

const schema = buildSchema(readFileSync(new URL("../../../query/schema.graphql", import.meta.url), "utf8"));

describe("every document is valid by the schema that the query service prints", () => {
  for (const [name, document] of Object.entries(documents)) {
    it(name, () => {
      expect(validate(schema, parse(document.text)).map((error) => error.message)).toEqual([]);
    });
  }
});
