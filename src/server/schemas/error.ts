/** Errors as they stand in tasks and runs, and as an answer that is no success (RFC 9457). */
import { z } from "@hono/zod-openapi";
import { type ErrorCode, type ErrorData, errorTable } from "../../errors.ts";
import type { Problem } from "../problem.ts";
import { count, exactly } from "./exactly.ts";

const codes = Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]];

export const errorCode = z.enum(codes).openapi("ErrorCode", { description: "Stable; docs/errors.md explains each." });

export const errorData = exactly<ErrorData>()(
	z
		.strictObject({
			code: errorCode,
			message: z.string(),
			retryable: z.boolean().openapi({ description: "Whether the same may succeed later without a change." }),
			retryAfterMs: z.number().optional(),
			hint: z.string().optional().openapi({ description: "What to do next, for a person." }),
			details: z.record(z.string(), z.unknown()).optional(),
			cause: z.strictObject({ name: z.string().optional(), message: z.string() }).optional(),
		})
		.openapi("Error"),
);

export const problem = exactly<Problem>()(
	z
		.strictObject({
			type: z.string().openapi({ example: "urn:muster:error:E_TASK_UNKNOWN" }),
			title: z.string(),
			status: count,
			detail: z.string(),
			instance: z.string().optional().openapi({ description: "The path that was asked for." }),
			code: errorCode,
			retryable: z.boolean(),
			hint: z.string().optional(),
			details: z.record(z.string(), z.unknown()).optional(),
			errors: z
				.array(z.strictObject({ pointer: z.string(), message: z.string() }))
				.optional()
				.openapi({ description: "What does not fit, place by place: a JSON pointer into the body, or `query/limit`." }),
		})
		.openapi("Problem", { description: "RFC 9457, as application/problem+json." }),
);
