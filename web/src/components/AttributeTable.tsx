import type { Attributes, Json } from "../api/types";
import { Copy } from "./Copy";
import { Link } from "./Link";

/** A value as text: strings as they are, the rest as JSON. */
export function valueText(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

interface Props {
  title: string;
  attributes: Attributes;
  /** Where a value can be looked for, a way to do so. */
  find?: ((key: string, value: string) => string) | undefined;
}

/** Keys and values, by key. */
export function AttributeTable({ title, attributes, find }: Props) {
  const rows = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  if (rows.length === 0) return null;
  return (
    <section className="attributes">
      <h3>{title}</h3>
      <table>
        <tbody>
          {rows.map(([key, value]) => {
            const text = valueText(value);
            return (
              <tr key={key}>
                <th scope="row">{key}</th>
                <td className={`value-${value === null ? "null" : typeof value}`}>
                  <span>{text}</span>
                  <span className="row-tools">
                    {find && (
                      <Link
                        className="icon-button"
                        href={find(key, text)}
                        title={`Traces with ${key} = ${text}`}
                      >
                        find
                      </Link>
                    )}
                    <Copy text={text} label={`Copy ${key}`} />
                  </span>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}
