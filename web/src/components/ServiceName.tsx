/** A service with its colour. */
export function ServiceName({ name, colour }: { name: string; colour: number }) {
  return (
    <span className="service-name">
      <span className={`dot svc-${colour}`} />
      {name}
    </span>
  );
}
