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

// Table is what a query answers: of one engine, its types in that engine's words. A value is nil, bool, json.Number or string.
type Table struct {
	Columns []Column
	Rows    [][]any
}

// Column is one column of a table.
type Column struct{ Name, Type string }

// Client asks a Trino over its HTTP protocol.
type Client struct{ Address string }

// QueryError is a statement that Trino refused.
type QueryError struct{ Name, Message, Statement string }

func (e *QueryError) Error() string {
	return fmt.Sprintf("%s: %s, in: %s", e.Name, e.Message, strings.Join(strings.Fields(e.Statement), " "))
}

// answer is one page of Trino's.
type answer struct {
	Next    string `json:"nextUri"`
	Columns []struct{ Name, Type string }
	Data    [][]any
	Error   *struct {
		Name    string `json:"errorName"`
		Message string `json:"message"`
	}
}

// askTime bounds one request; the server answers within a second, whether there is news or not.
const askTime = time.Minute

// Query runs a statement to its end.
func (c Client) Query(ctx context.Context, statement string) (Table, error) {
	page, err := c.ask(ctx, http.MethodPost, c.Address+"/v1/statement", statement)
	var table Table
	for {
		if err != nil {
			return Table{}, fmt.Errorf("ask Trino: %w", err)
		}
		if page.Error != nil {
			return Table{}, &QueryError{page.Error.Name, page.Error.Message, statement}
		}
		if table.Columns == nil {
			for _, column := range page.Columns {
				table.Columns = append(table.Columns, Column{column.Name, column.Type})
			}
		}
		table.Rows = append(table.Rows, page.Data...)
		if page.Next == "" {
			return table, nil
		}
		page, err = c.ask(ctx, http.MethodGet, page.Next, "")
	}
}

func (c Client) ask(ctx context.Context, method, url, body string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("X-Trino-User", "llac")
	request.Header.Set("X-Trino-Catalog", Catalog)
	request.Header.Set("X-Trino-Time-Zone", "UTC")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	if response.StatusCode != http.StatusOK {
		return answer{}, fmt.Errorf("%s: %s", response.Status, b)
	}
	var page answer
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.UseNumber()
	return page, decoder.Decode(&page)
}
