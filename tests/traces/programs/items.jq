# Groups, sums and sorts the items by their first tag.
group_by(.tags[0])
| map({tag: .[0].tags[0], items: length, total: (map(.price) | add),
       names: [.[].name | ascii_upcase]})
| sort_by(-.items)
