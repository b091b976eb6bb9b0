package trino

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Table is the result of a query on one engine, with that engine's types. A value is nil, bool, json.Number or string.
type Table struct {
	Columns []Column
	Rows    [][]any
}

// Column is one column of a table.
type Column struct{ Name, Type string }

// Client runs statements on a Trino over its HTTP protocol.
type Client struct{ Address string }

// QueryError is the error of a statement that failed on Trino.
type QueryError struct{ Name, Message, Statement string }

func (e *QueryError) Error() string {
	return fmt.Sprintf("%s: %s, in: %s", e.Name, e.Message, strings.Join(strings.Fields(e.Statement), " "))
}

// page is one response of Trino; Next is the URL of the one after.
type page struct {
	Next    string `json:"nextUri"`
	Columns []struct{ Name, Type string }
	Data    [][]any
	Error   *struct {
		Name    string `json:"errorName"`
		Message string `json:"message"`
	}
}

// requestTime is the maximum duration of one request; the server responds within a second, even without new rows.
const requestTime = time.Minute

// Query runs a statement to its end.
func (c Client) Query(ctx context.Context, statement string) (Table, error) {
	response, err := c.send(ctx, http.MethodPost, c.Address+"/v1/statement", statement)
	var table Table
	for {
		if err != nil {
			return Table{}, fmt.Errorf("query Trino: %w", err)
		}
		if response.Error != nil {
			return Table{}, &QueryError{response.Error.Name, response.Error.Message, statement}
		}
		if table.Columns == nil {
			for _, column := range response.Columns {
				table.Columns = append(table.Columns, Column{column.Name, column.Type})
			}
		}
		table.Rows = append(table.Rows, response.Data...)
		if response.Next == "" {
			return table, nil
		}
		response, err = c.send(ctx, http.MethodGet, response.Next, "")
	}
}

// send sends one request and returns the page of its response.
func (c Client) send(ctx context.Context, method, url, body string) (page, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return page{}, err
	}
	request.Header.Set("X-Trino-User", "llac")
	request.Header.Set("X-Trino-Catalog", Catalog)
	request.Header.Set("X-Trino-Time-Zone", "UTC")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return page{}, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return page{}, err
	}
	if response.StatusCode != http.StatusOK {
		return page{}, fmt.Errorf("%s: %s", response.Status, b)
	}
	var p page
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.UseNumber()
	return p, decoder.Decode(&p)
}
