-- Copies one delivered, paid order {copies} times, spread over the last {days} days, with its lines, fulfilments, labels and payment.
create temp table k on commit drop as
  select i, nextval('order_display_id_seq') as number, lpad(i::text, 3, '0') || right('{template}', 9) as u,
    date_trunc('milliseconds', now() - interval '3 days' - (i * {days}.0 / {copies} * interval '1 day')) as ts,
    0.2 + (i * 37 % 100) / 50.0 as d1, 1 + (i * 53 % 100) / 30.0 as d2
  from generate_series(1, {copies}) i;
insert into "order" select (jsonb_populate_record(o, jsonb_build_object('id', 'order_c'||k.u, 'display_id', k.number,
    'created_at', k.ts, 'updated_at', k.ts + ((k.d1 + k.d2)||' days')::interval, 'email', 'clone'||k.i||'@example.test'))).*
  from "order" o, k where o.id = '{template}';
insert into order_summary select (jsonb_populate_record(s, jsonb_build_object('id', 'ordsum_c'||k.u, 'order_id', 'order_c'||k.u))).*
  from order_summary s join "order" o on o.id = s.order_id and o.version = s.version, k where o.id = '{template}' and s.deleted_at is null;
create temp table it on commit drop as
  select oi.id oiid, oi.item_id, row_number() over () rn from order_item oi
  join "order" o on o.id = oi.order_id and o.version = oi.version where o.id = '{template}' and oi.deleted_at is null;
insert into order_line_item select (jsonb_populate_record(l, jsonb_build_object('id', 'ordli_c'||k.u||it.rn, 'created_at', k.ts))).*
  from order_line_item l join it on it.item_id = l.id, k;
insert into order_item select (jsonb_populate_record(oi, jsonb_build_object('id', 'orditem_c'||k.u||it.rn, 'order_id', 'order_c'||k.u,
    'item_id', 'ordli_c'||k.u||it.rn, 'created_at', k.ts))).* from order_item oi join it on it.oiid = oi.id, k;
insert into order_shipping select (jsonb_populate_record(s, jsonb_build_object('id', 'ordspmv_c'||k.u||right(s.id, 6), 'order_id', 'order_c'||k.u))).*
  from order_shipping s join "order" o on o.id = s.order_id and o.version = s.version, k
  where o.id = '{template}' and s.return_id is null and s.deleted_at is null;
insert into order_transaction select (jsonb_populate_record(x, jsonb_build_object('id', 'ordtrx_c'||k.u||right(x.id, 6), 'order_id', 'order_c'||k.u,
    'reference_id', 'capt_c'||k.u, 'created_at', k.ts))).* from order_transaction x, k where x.order_id = '{template}' and x.deleted_at is null;
insert into fulfillment select (jsonb_populate_record(f, jsonb_build_object('id', 'ful_c'||k.u||right(f.id, 4),
    'created_at', k.ts + (k.d1 * 0.5||' days')::interval, 'packed_at', k.ts + (k.d1 * 0.5||' days')::interval,
    'shipped_at', k.ts + (k.d1||' days')::interval, 'delivered_at', k.ts + ((k.d1 + k.d2)||' days')::interval))).*
  from fulfillment f join order_fulfillment x on x.fulfillment_id = f.id and x.order_id = '{template}', k;
insert into fulfillment_item select (jsonb_populate_record(fi, jsonb_build_object('id', 'fulit_c'||k.u||right(fi.id, 4),
    'fulfillment_id', 'ful_c'||k.u||right(fi.fulfillment_id, 4), 'line_item_id', 'ordli_c'||k.u||it.rn))).*
  from fulfillment_item fi join order_fulfillment x on x.fulfillment_id = fi.fulfillment_id and x.order_id = '{template}'
  join it on it.item_id = fi.line_item_id, k;
insert into fulfillment_label select (jsonb_populate_record(fl, jsonb_build_object('id', 'fulla_c'||k.u||right(fl.id, 4),
    'fulfillment_id', 'ful_c'||k.u||right(fl.fulfillment_id, 4), 'tracking_number',
    'TRK-'||k.number))).*
  from fulfillment_label fl join order_fulfillment x on x.fulfillment_id = fl.fulfillment_id and x.order_id = '{template}', k;
insert into order_fulfillment select (jsonb_populate_record(x, jsonb_build_object('id', 'ordful_c'||k.u||right(x.fulfillment_id, 4),
    'order_id', 'order_c'||k.u, 'fulfillment_id', 'ful_c'||k.u||right(x.fulfillment_id, 4)))).* from order_fulfillment x, k where x.order_id = '{template}';
create temp table pc on commit drop as select payment_collection_id from order_payment_collection where order_id = '{template}' and deleted_at is null;
insert into payment_collection select (jsonb_populate_record(p, jsonb_build_object('id', 'pay_col_c'||k.u, 'created_at', k.ts))).*
  from payment_collection p join pc on pc.payment_collection_id = p.id, k;
insert into order_payment_collection select (jsonb_populate_record(x, jsonb_build_object('id', 'ordpay_c'||k.u, 'order_id', 'order_c'||k.u,
    'payment_collection_id', 'pay_col_c'||k.u))).* from order_payment_collection x, k where x.order_id = '{template}' and x.deleted_at is null;
insert into payment_session select (jsonb_populate_record(s, jsonb_build_object('id', 'payses_c'||k.u, 'payment_collection_id', 'pay_col_c'||k.u))).*
  from payment_session s join pc on pc.payment_collection_id = s.payment_collection_id, k;
insert into payment select (jsonb_populate_record(p, jsonb_build_object('id', 'pay_c'||k.u, 'payment_collection_id', 'pay_col_c'||k.u,
    'payment_session_id', 'payses_c'||k.u, 'created_at', k.ts, 'captured_at', k.ts, 'updated_at', k.ts))).*
  from payment p join pc on pc.payment_collection_id = p.payment_collection_id, k;
insert into capture select (jsonb_populate_record(c, jsonb_build_object('id', 'capt_c'||k.u, 'payment_id', 'pay_c'||k.u, 'created_at', k.ts))).*
  from capture c join payment p on p.id = c.payment_id join pc on pc.payment_collection_id = p.payment_collection_id, k;
