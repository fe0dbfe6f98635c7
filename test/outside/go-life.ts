import type { LivedKind } from './typescript-life.ts'

/** As typescriptLife, in Go against the client of oapi-codegen, which is the package `clients/api`. */
export function goLife(kinds: readonly LivedKind[]): string {
  return `package main

import (
	"clients/api"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func into[T any](text []byte) T {
	var value T
	check(json.Unmarshal(text, &value))
	return value
}

func text(value any) []byte {
	bytes, err := json.Marshal(value)
	check(err)
	return bytes
}

func expect(what string, status int, answer *http.Response, body []byte) {
	if answer.StatusCode != status {
		panic(fmt.Sprintf("%s: %d %s", what, answer.StatusCode, body))
	}
}

func main() {
	ctx := context.Background()
	bearer := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))
		return nil
	}
	client, err := api.NewClientWithResponses(os.Getenv("BASE"), api.WithRequestEditorFn(bearer))
	check(err)
	limit := 10
${kinds.map(lifeOf).join('\n')}
${kinds.toReversed().map(endOf).join('\n')}
}
`
}

function lifeOf({ schema, body }: LivedKind): string {
  const name = JSON.stringify(body.name)
  return `	{
		created, err := client.Create${schema}WithResponse(ctx, nil, into[api.Create${schema}JSONRequestBody]([]byte(\`${JSON.stringify(body)}\`)))
		check(err)
		expect("create ${schema}", 201, created.HTTPResponse, created.Body)
		listed, err := client.List${schema}sWithResponse(ctx, &api.List${schema}sParams{Limit: &limit})
		check(err)
		expect("list ${schema}", 200, listed.HTTPResponse, listed.Body)
		found := false
		for _, one := range listed.JSON200.Items {
			found = found || one.Id == created.JSON201.Id
		}
		if !found {
			panic("${schema} is not listed")
		}
		read, err := client.Get${schema}WithResponse(ctx, ${name}, nil)
		check(err)
		expect("get ${schema}", 200, read.HTTPResponse, read.Body)
		version := &api.Replace${schema}Params{IfMatch: read.HTTPResponse.Header.Get("ETag")}
		again := into[api.Replace${schema}JSONRequestBody](text(read.JSON200))
		replaced, err := client.Replace${schema}WithResponse(ctx, ${name}, version, again)
		check(err)
		expect("replace ${schema}", 200, replaced.HTTPResponse, replaced.Body)
		if replaced.JSON200.Version != read.JSON200.Version {
			panic("${schema} was changed by what was read of it")
		}
		change := into[api.Change${schema}JSONRequestBody]([]byte(\`{"description":"by a client"}\`))
		changed, err := client.Change${schema}WithResponse(ctx, ${name}, &api.Change${schema}Params{IfMatch: "*"}, change)
		check(err)
		expect("change ${schema}", 200, changed.HTTPResponse, changed.Body)
		if changed.JSON200.Description != "by a client" {
			panic("${schema} is not changed")
		}
	}`
}

function endOf({ schema, body }: LivedKind): string {
  const name = JSON.stringify(body.name)
  return `	{
		gone, err := client.Delete${schema}WithResponse(ctx, ${name}, &api.Delete${schema}Params{IfMatch: "*"})
		check(err)
		expect("delete ${schema}", 204, gone.HTTPResponse, gone.Body)
		missing, err := client.Get${schema}WithResponse(ctx, ${name}, nil)
		check(err)
		if missing.ApplicationproblemJSON404 == nil || missing.ApplicationproblemJSON404.Code != "NOT_FOUND" {
			panic("${schema} is still there")
		}
	}`
}
