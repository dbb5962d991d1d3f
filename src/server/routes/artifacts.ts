/** Artifacts: files named by the hash of their content. */
import { z } from "@hono/zod-openapi";
import { type Route, route } from "../route.ts";

const one = route(
	{
		...{ name: "artifact", method: "get", path: "/v1/artifacts/{hash}", role: "viewer", tag: "artifacts" },
		summary: "The bytes of an artifact",
		description: "Never shown by a browser as what it claims to be: its content comes from outside.",
		params: z.object({
			hash: z
				.string()
				.regex(/^(sha256:)?[0-9a-f]{64}$/)
				.openapi({ description: "SHA-256, as hexadecimal digits.", example: `${"0".repeat(64)}` }),
		}),
		answers: { 200: "application/octet-stream" },
		sends: { ETag: "The hash." },
		problems: ["E_ARTIFACT_UNKNOWN"],
	},
	async ({ orchestrator, params }) => {
		const hash = params.hash.replace("sha256:", "");
		const ref = { ref: `sha256:${hash}`, size: 0, mediaType: "application/octet-stream", name: hash };
		const bytes = await orchestrator.artifacts.read(ref);
		return new Response(bytes as Uint8Array<ArrayBuffer>, {
			headers: {
				"content-type": "application/octet-stream",
				"content-disposition": `attachment; filename="${hash}"`,
				"cache-control": "private, immutable, max-age=31536000",
				etag: `"${hash}"`,
			},
		});
	},
);

export const artifactRoutes: readonly Route[] = [one];
