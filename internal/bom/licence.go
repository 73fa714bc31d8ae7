package main

import "strings"

// licences are told by sentences that no other licence has, in the order in which an expression names them.
var licences = []struct{ id, sentence, not string }{
	{id: "Apache-2.0", sentence: "licensed under the apache license, version 2.0"},
	{id: "BSD-2-Clause", sentence: "redistribution and use in source and binary forms", not: "neither the name"},
	{id: "BSD-3-Clause", sentence: "neither the name"},
	{id: "ISC", sentence: "permission to use, copy, modify, and/or distribute this software for any purpose"},
	{id: "ISC", sentence: "permission to use, copy, modify, and distribute this software for any purpose"},
	{id: "MIT", sentence: "permission is hereby granted, free of charge, to any person obtaining a copy"},
	{id: "MPL-2.0", sentence: "mozilla public license version 2.0"},
	{id: "BSL-1.0", sentence: "boost software license - version 1.0"},
}

// expression returns the licences of a text as an SPDX expression, all of which hold (some modules have parts under another one); or "".
func expression(text string) string {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	var ids []string
	for _, l := range licences {
		if strings.Contains(text, l.sentence) && (l.not == "" || !strings.Contains(text, l.not)) {
			if len(ids) == 0 || ids[len(ids)-1] != l.id {
				ids = append(ids, l.id)
			}
		}
	}
	return strings.Join(ids, " AND ")
}
