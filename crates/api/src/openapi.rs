//! The description of the routes for programs: OpenAPI 3.1.

use serde_json::{Value, json};

/// All that is served, with every status.
pub fn document() -> Value {
    let checked = json!({ "200": answer("the verdict", "Answer"), "400": problem(), "401": problem(), "413": problem(), "415": problem() });
    let decided = json!({ "200": answer("the call and its decision", "Waiting"), "401": problem(), "404": problem() });
    json!({
        "openapi": "3.1.0",
        "info": { "title": "decnet", "version": env!("CARGO_PKG_VERSION") },
        "security": [{ "token": [] }],
        "paths": {
            "/api/v1/check": { "post": { "summary": "May an agent make this call?", "requestBody": body("Call"), "responses": checked } },
            "/api/v1/check/pending": { "get": { "summary": "Calls that wait for a decision", "responses": { "200": { "description": "total and data" }, "401": problem() } } },
            "/api/v1/check/{id}": { "patch": { "summary": "Decide a call that waits", "parameters": [id()], "requestBody": body("Decision"),
                "responses": { "200": answer("the call and its decision", "Waiting"), "400": problem(), "401": problem(), "404": problem(), "409": problem(), "415": problem() } } },
            "/api/v1/check/{id}/decision": { "get": { "summary": "What became of a call", "parameters": [id()], "responses": decided } },
            "/api/v1/detect/traffic": { "post": { "summary": "Metadata of connections: one record, a list, or one a line", "requestBody": body("Record"),
                "responses": { "200": { "description": "status and alerts_generated" }, "400": problem(), "401": problem(), "413": problem(), "415": problem(), "422": problem() } },
                "get": { "summary": "Records that came in last, newest first", "parameters": [query("limit")],
                "responses": { "200": { "description": "total and data" }, "401": problem(), "422": problem() } } },
            "/api/v1/detect/alerts": { "get": { "summary": "What was found in them last, newest first", "parameters": [query("limit"), query("severity"), query("class"), query("since")],
                "responses": { "200": { "description": "total and data" }, "401": problem(), "422": problem() } } },
            "/api/v1/detect/health": { "get": { "summary": "Whether it judges, and what it passed over", "responses": { "200": { "description": "status and counters" }, "401": problem() } } },
        },
        "components": { "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } }, "schemas": schemas() },
    })
}

fn schemas() -> Value {
    let text = json!({ "type": "string" });
    let percent = json!({ "type": "integer", "minimum": 0, "maximum": 100 });
    let port = json!({ "type": "integer", "minimum": 0, "maximum": 65535 });
    json!({
        "Call": { "type": "object", "required": ["agent_id", "tool_name"], "additionalProperties": false, "properties": {
            "agent_id": text, "tool_name": text, "arguments": { "type": "object" }, "session_id": text, "tenant": text, "environment": text,
            "signals": { "type": "array" }, "ts": { "type": ["string", "number"] }, "blocking": { "type": "boolean" } } },
        "Answer": { "type": "object", "required": ["decision", "check_id", "confidence", "severity", "findings", "latency_ms"], "properties": {
            "decision": { "enum": ["allow", "flag", "block", "pending"] }, "check_id": text, "confidence": percent, "severity": text,
            "reason": text, "would": text, "findings": { "type": "array" }, "latency_ms": { "type": "number" } } },
        "Decision": { "type": "object", "required": ["decision", "decided_by"], "properties": {
            "decision": { "enum": ["allow", "block"] }, "decided_by": text } },
        "Waiting": { "type": "object", "required": ["check_id", "agent_id", "tool_name", "confidence", "decision"], "properties": {
            "check_id": text, "agent_id": text, "tool_name": text, "confidence": percent, "reason": text,
            "decision": { "enum": ["allow", "block", "pending"] }, "decided_by": text } },
        "Record": { "type": "object", "required": ["timestamp", "src_ip", "dst_ip", "protocol"], "additionalProperties": false, "properties": {
            "timestamp": { "type": "number" }, "src_ip": text, "dst_ip": text, "src_port": port, "dst_port": port, "protocol": text,
            "size": { "type": "integer", "minimum": 0 }, "flags": text } },
        "Problem": { "type": "object", "required": ["type", "title", "status", "code", "detail"], "properties": {
            "type": text, "title": text, "status": { "type": "integer" }, "code": text, "detail": text, "errors": { "type": "array" } } },
    })
}

fn body(schema: &str) -> Value {
    json!({ "required": true, "content": { "application/json": { "schema": reference(schema) } } })
}

fn answer(description: &str, schema: &str) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": reference(schema) } } })
}

fn problem() -> Value {
    json!({ "description": "what is wrong (RFC 9457)", "content": { "application/problem+json": { "schema": reference("Problem") } } })
}

fn query(name: &str) -> Value {
    json!({ "name": name, "in": "query", "schema": { "type": "string" } })
}

fn id() -> Value {
    json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "string", "format": "uuid" } })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}
