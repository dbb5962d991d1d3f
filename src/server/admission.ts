/** Between the token and the handler: the role, and for a change its line in the audit before it is acknowledged. */
import type { Audit } from "../access/audit.ts";
import { mayUse } from "../access/role.ts";
import { hasCode, MusterError } from "../errors.ts";
import type { Asking, Route } from "./route.ts";
import { addressOf } from "./security.ts";

export interface AdmissionOptions {
	audit: Audit;
	now: () => number;
	/** The answer that tells of an error. */
	refusal: (error: unknown, context: Asking) => Response;
}

export type Admission = (route: Route, context: Asking) => Promise<Response>;

export function admission({ audit, now, refusal }: AdmissionOptions): Admission {
	return async (route, context) => {
		const { changes, role } = route;
		const { caller } = context.var;
		if (!mayUse(caller?.role ?? "anyone", role)) {
			const response = refusal(forbidden(route, context), context);
			if (changes)
				await audit.ready().then(
					() => note(route, context, response),
					() => undefined,
				);
			return response;
		}
		if (changes) await audit.ready();
		const response = await answered(route, context);
		// Who has no token leaves no line, else anyone could fill the disk; a webhook that is rightly signed does.
		if (!changes || (caller === undefined && !response.ok)) return response;
		try {
			await note(route, context, response);
		} catch (error) {
			throw response.ok ? unwritten(error) : error;
		}
		return response;
	};

	function note({ path }: Route, context: Asking, { status }: Response): Promise<void> {
		const { caller, subject } = context.var;
		return audit.append({
			at: new Date(now()).toISOString(),
			...{ token: caller?.name ?? "webhook", role: caller?.role ?? "anyone" },
			...{ method: context.req.method, route: path, subject, status, address: addressOf(context) },
		});
	}

	async function answered(route: Route, context: Asking): Promise<Response> {
		try {
			return await route.handle(context);
		} catch (error) {
			return refusal(error, context);
		}
	}
}

function forbidden({ role }: Route, { var: { caller } }: Asking): MusterError {
	const message = `this needs the role ${role}, and the token ${caller?.name} has the role ${caller?.role}`;
	return new MusterError("E_FORBIDDEN", message, {
		hint: `An admin can make another token: muster token create NAME --role ${role}`,
		details: { role },
	});
}

/** Told as a failure, because the audit comes first; but whoever sends it again does it twice. */
function unwritten(cause: unknown): MusterError {
	if (!hasCode(cause)) return new MusterError("E_INTERNAL", "it is done, but not in the audit", { cause });
	return new MusterError(cause.code, `it is done, but ${cause.message}`, {
		hint: "Its line is kept and written as soon as that is possible. Look before you send it again.",
		retryable: false,
		cause,
	});
}
