import { expect, it } from "vitest";
import { describeMatch, formatMatch, type MatchOp, OPERATORS, parseMatch } from "./match";

it.each([
  ["http.route=/checkout", { key: "http.route", op: "EQ", value: "/checkout" }],
  ["status!=200", { key: "status", op: "NE", value: "200" }],
  ["path=~^/api/.*", { key: "path", op: "REGEX", value: "^/api/.*" }],
  ["path!~health", { key: "path", op: "NOT_REGEX", value: "health" }],
  ["size>1024", { key: "size", op: "GT", value: "1024" }],
  ["size<10", { key: "size", op: "LT", value: "10" }],
  ["user.id?", { key: "user.id", op: "EXISTS", value: "" }],
  ["user.id!?", { key: "user.id", op: "NOT_EXISTS", value: "" }],
  ["empty=", { key: "empty", op: "EQ", value: "" }],
  ["discount=50%", { key: "discount", op: "EQ", value: "50%" }],
])("%s is read as a person means it", (text, match) => {
  expect(parseMatch(text)).toEqual(match);
});

it.each(["", "word", "=value", "key!value", "size>=5", "key==5", "key?value"])(
  "%j says no condition",
  (text) => {
    expect(parseMatch(text)).toBeUndefined();
  },
);

it("every operator with every odd key and value comes back from its text", () => {
  const odd = ["a", "a=b", "!a", "a~", "a<b>c", "a?", "50%", "%3D", "~x", "=x", "%7Ex", "ü"];
  for (const [op] of OPERATORS) {
    for (const key of odd) {
      for (const value of op === "EXISTS" || op === "NOT_EXISTS" ? [""] : odd) {
        expect(parseMatch(formatMatch({ key, op: op as MatchOp, value }))).toEqual({ key, op, value });
      }
    }
  }
});

it("reads as words on the page", () => {
  expect(describeMatch({ key: "a", op: "REGEX", value: "b" })).toBe("a matches b");
  expect(describeMatch({ key: "a", op: "NOT_EXISTS", value: "" })).toBe("a does not exist");
});
