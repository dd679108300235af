-- An in-memory database of orders: inserts, an index, joins, updates, deletions.
create table customer(id integer primary key, name text, city text);
create table orders(id integer primary key, customer integer, amount integer, note text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 1500)
  insert into customer select i, 'customer ' || i, 'city ' || (i * 7919 % 97) from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 12000)
  insert into orders select i, i * 31 % 1500 + 1, i * 17 % 1000, hex(zeroblob(i % 200)) from n;
create index by_customer on orders(customer);
select city, count(*), sum(amount) from customer join orders on customer = customer.id
  group by city order by 3 desc;
select name, group_concat(amount) from customer join orders on customer = customer.id
  group by customer.id having count(*) > 7 order by length(2) limit 50;
update orders set note = note || substr(note, 1, amount % 100) where id % 3 = 0;
delete from orders where amount < 300;
select customer, max(length(note)), avg(amount) from orders group by customer order by 2 desc limit 20;
create table summary as select customer, sum(amount) total from orders group by customer;
select a.customer, b.customer from summary a join summary b on a.total = b.total
  and a.customer < b.customer order by a.total limit 200;
drop table orders;
vacuum;
select count(*), sum(total) from summary;
