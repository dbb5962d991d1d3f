/** The first line of the generated client: of which document it is, so that a test sees without the generator whether it is old. */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

export const CLIENT = fileURLToPath(new URL("../../examples/generated/http-api.ts", import.meta.url));

export const headOf = (document: object): string =>
	`// Of the document ${createHash("sha256").update(JSON.stringify(document)).digest("hex")}; made by test/http/client.ts.\n`;
