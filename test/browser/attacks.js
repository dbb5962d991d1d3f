/**
 * What a page on another origin can try against a server, as it runs in that page: JavaScript for a browser, so no TypeScript for
 * Node. Each attempt tells what the page could read of the answer, an empty text when nothing; whether something was changed the
 * server itself knows.
 */
globalThis.attack = async ({ target, token }) => {
	const LATE_MS = 3_000;
	const task = '{"type":"stolen"}';
	const late = (value) => new Promise((resolve) => setTimeout(() => resolve(value), LATE_MS));
	const attempts = [];
	const attempt = async (name, work) => {
		let read;
		try {
			read = String((await Promise.race([work(), late("")])) ?? "");
		} catch {
			read = "";
		}
		attempts.push({ name, read: read.slice(0, 200) });
	};
	const text = async (path, init = {}) => (await fetch(target + path, init)).text();
	const headersOf = {
		"no token": {},
		"the token": { authorization: `Bearer ${token}` },
	};
	for (const [who, headers] of Object.entries(headersOf)) {
		for (const path of ["/healthz", "/openapi.json", "/v1/status", "/v1/tasks"]) {
			await attempt(`GET ${path} with ${who}`, () => text(path, { headers }));
			await attempt(`GET ${path} without CORS, with ${who}`, () => text(path, { headers, mode: "no-cors" }));
		}
		for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded"]) {
			const post = { method: "POST", body: task, headers: { ...headers, "content-type": type } };
			await attempt(`POST ${type} with ${who}`, () => text("/v1/tasks", post));
			await attempt(`POST ${type} without CORS, with ${who}`, () => text("/v1/tasks", { ...post, mode: "no-cors" }));
		}
		for (const method of ["PUT", "PATCH", "DELETE"]) {
			await attempt(`${method} with ${who}`, () => text("/v1/tokens/screen", { method, headers }));
		}
	}
	await attempt("POST with credentials", () =>
		text("/v1/tasks", { method: "POST", body: task, credentials: "include", mode: "no-cors" }),
	);
	await attempt("keepalive", () => text("/v1/tasks", { method: "POST", body: task, keepalive: true, mode: "no-cors" }));
	await attempt("a beacon", async () => void navigator.sendBeacon(`${target}/v1/tasks`, task));
	await attempt("XMLHttpRequest", () => {
		const xhr = new XMLHttpRequest();
		return new Promise((resolve) => {
			xhr.open("POST", `${target}/v1/tasks`);
			xhr.onloadend = () => resolve(xhr.responseText);
			xhr.send(task);
		});
	});
	for (const path of ["/v1/stream", "/v1/runs/x/watch", "/healthz"]) {
		await attempt(`EventSource ${path}`, () => {
			const source = new EventSource(`${target}${path}?token=${token}`);
			return new Promise((resolve) => {
				source.onopen = () => resolve("open");
				source.onerror = () => resolve("");
			}).finally(() => source.close());
		});
	}
	await attempt("a WebSocket", () => {
		const socket = new WebSocket(target.replace("http", "ws"));
		return new Promise((resolve) => {
			socket.onopen = () => resolve("open");
			socket.onerror = () => resolve("");
		});
	});
	const element = (tag, set) => {
		const made = document.createElement(tag);
		for (const [name, value] of Object.entries(set)) made.setAttribute(name, value);
		return new Promise((resolve) => {
			made.onload = () => resolve(tag === "iframe" ? framed(made) : "loaded");
			made.onerror = () => resolve("");
			document.body.append(made);
		});
	};
	const framed = (frame) => frame.contentDocument?.body.textContent ?? "";
	for (const path of ["/docs", "/openapi.json", "/v1/tasks"]) {
		await attempt(`img ${path}`, () => element("img", { src: target + path }));
		await attempt(`script ${path}`, () => element("script", { src: target + path }));
		await attempt(`stylesheet ${path}`, () => element("link", { rel: "stylesheet", href: target + path }));
		await attempt(`iframe ${path}`, () => element("iframe", { src: target + path }));
		await attempt(`window ${path}`, async () => {
			const opened = window.open(target + path);
			await late(undefined);
			return opened?.document.body.textContent;
		});
	}
	for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
		for (const method of ["POST", "GET"]) {
			await attempt(`a form, ${method} ${enctype}`, async () => {
				const frame = document.createElement("iframe");
				frame.name = `frame-${Math.random()}`;
				const form = document.createElement("form");
				Object.assign(form, { method, enctype, action: `${target}/v1/tasks`, target: frame.name });
				const field = document.createElement("input");
				Object.assign(field, { name: '{"type":"stolen","input":"', value: '"}' });
				form.append(field);
				document.body.append(frame, form);
				const loaded = new Promise((resolve) => {
					frame.onload = resolve;
				});
				form.submit();
				await Promise.race([loaded, late(undefined)]);
				return framed(frame);
			});
		}
	}
	return attempts;
};
