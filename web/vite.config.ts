import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const backend = process.env.OTELHOUSE_HTTP ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  build: {
    // The page's policy is `default-src 'self'`: nothing inline, nothing as a data: address.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // GraphiQL's editor is one large part that only its own page loads.
    chunkSizeWarningLimit: 5000,
    rollupOptions: {
      input: { index: "index.html", graphiql: "graphiql.html" },
      onwarn(warning, show) {
        // GraphiQL ships directives for the React compiler that no one reads any more.
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") show(warning);
      },
    },
  },
  worker: { format: "es" },
  server: { proxy: { "/graphql": backend } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
