/** Tokens: given, listed and taken. */
import { z } from "@hono/zod-openapi";
import type { Callers, TokenView } from "../../access/callers.ts";
import { tokenRoles } from "../../access/role.ts";
import { type Route, route } from "../route.ts";
import { exactly } from "../schemas/exactly.ts";
import { duration } from "../schemas/task-spec.ts";
import { LOCATION, listOf } from "./fields.ts";

const tag = "access";
const name = z
	.string()
	.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
	.openapi({ example: "dashboard" });

const shape = {
	name: z.string(),
	role: z.enum(tokenRoles),
	createdAt: z.string().optional(),
	expiresAt: z.string().optional(),
	expired: z.boolean(),
};
const view = exactly<TokenView>()(z.strictObject(shape).openapi("Token"));

export function accessRoutes(callers: () => Pick<Callers, "list" | "create" | "revoke">): Route[] {
	return [
		route(
			{
				...{ name: "tokens", method: "get", path: "/v1/tokens", role: "admin", tag },
				summary: "Tokens, without their secrets",
				answers: { 200: listOf(view, "Token") },
			},
			() => ({ status: 200, body: { items: callers().list() } }),
		),
		route(
			{
				...{ name: "createToken", method: "post", path: "/v1/tokens", role: "admin", tag },
				summary: "Make a token",
				subject: (body) => body.name,
				description: "Its secret is in this answer and nowhere else; the server keeps a hash.",
				body: z
					.strictObject({
						name,
						role: z.enum(tokenRoles),
						expires: duration
							.optional()
							.openapi({ description: "From now. Without it, it counts until it is revoked." }),
					})
					.openapi("CreateToken", { example: { name: "dashboard", role: "viewer", expires: "30d" } }),
				answers: {
					201: z.strictObject({ ...shape, secret: z.string() }).openapi("CreatedToken"),
				},
				sends: LOCATION,
				problems: ["E_CONFLICT", "E_INPUT_INVALID", "E_DATA_FOLDER"],
			},
			({ body }) => {
				const created = callers().create(body);
				return { status: 201, body: created, headers: { location: `/v1/tokens/${created.name}` } };
			},
		),
		route(
			{
				...{ name: "revokeToken", method: "delete", path: "/v1/tokens/{name}", role: "admin", tag },
				summary: "Revoke a token; what is still open to its bearer is cut off",
				params: z.object({ name }),
				answers: { 200: z.strictObject({ name: z.string(), revoked: z.literal(true) }).openapi("RevokedToken") },
				problems: ["E_TOKEN_UNKNOWN", "E_CONFLICT", "E_DATA_FOLDER"],
			},
			({ params }) => {
				callers().revoke(params.name);
				return { status: 200, body: { name: params.name, revoked: true as const } };
			},
		),
	];
}
