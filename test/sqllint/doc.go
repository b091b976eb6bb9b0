// Package sqllint checks the SQL of the dbt project against the style of dbt/.sqlfluff. Its tests have the build tag slow:
// make test-slow runs them.
package sqllint
