package source

import (
	"context"
	"fmt"
)

// FetchPage requests a planned page, reads it with the kind's reader, and checks that it is the page that was requested.
// version compares the version that an answer states with that of the description; its error ends the request unchanged.
func (c *Caller) FetchPage(
	ctx context.Context, t Target, d Description, index int, version func(op string, res *Response, p Page) error,
) (Page, error) {
	op := fmt.Sprintf("fetch page %d of %s %s", index, c.Kind.Name, t.ID)
	at, err := c.Locate(op, t)
	if err != nil {
		return Page{}, err
	}
	request, err := c.Planned(op, at, d, index)
	if err != nil {
		return Page{}, err
	}
	var page Page
	_, err = c.Do(ctx, Request{Op: op, URL: request.URL, Method: request.Method, Body: request.Body, Check: func(res *Response) error {
		tally := c.Kind.NewTally()
		reader := c.Kind.Reader()
		if err := reader.Rows(res.Body, tally.Add); err != nil {
			return err
		}
		page = tally.Page(index, res.Body, reader.Identity())
		page.URL, page.RequestID = request.URL, c.RequestID(res)
		if err := SameSystem(op, d, res); err != nil {
			return err
		}
		// A page of another source must not be taken for another version of this source.
		if err := c.Kind.CheckSource(t, d, page.Identity); err != nil {
			return err
		}
		if err := version(op, res, page); err != nil {
			return err
		}
		if err := c.Kind.CheckPart(d, page); err != nil {
			return err
		}
		return tally.doubt(request.Rows)
	}})
	if err != nil {
		return Page{}, err
	}
	return page, nil
}
