"""Views for people's questions: what was sold, to whom, what waits to be shipped, and how fresh the mirror is.

Tombstones are left out everywhere. Money is integer cents of the currency beside it, never added up across
currencies. A line of an order counts once where it says no quantity; where the shop sends no price for it, the present
price of the product under the same licence stands in.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_RESOURCES = (
    "companies",
    "currency_rates",
    "licenses",
    "prices",
    "categories",
    "theme_settings",
    "products",
    "customers",
    "orders",
    "fulfillments",
)

# Where the shop sends no price: the binding that fits best, then the lowest price.
_LIST_PRICE = """
    (SELECT f.price
       FROM (SELECT c.price,
                    CASE WHEN b.hd = l.hd THEN 0 ELSE 4 END
                    + CASE WHEN b.audio_type = l.audio_type THEN 0 ELSE 2 END
                    + CASE WHEN b.num_users = l.num_users THEN 0 ELSE 1 END AS misfit
               FROM products p
               JOIN product_price_bindings b ON b.parent_row_id = p.row_id
               JOIN prices r ON r.shop_id = p.shop_id AND r.id = b.price_id
               JOIN price_currencies c ON c.parent_row_id = r.row_id
              WHERE p.shop_id = o.shop_id AND p.product_id = l.product_id AND b.license_id = l.license_id
                AND upper(c.currency) = upper(o.currency)) AS f
      ORDER BY f.misfit, f.price
      LIMIT 1)"""

_ORDER_LINES = f"""
CREATE VIEW order_lines AS
SELECT shop, shop_id, order_row_id, order_id, order_number, ordered_at, status, customer_id, customer_email,
       line_id, product_id, title, version, license_id, quantity, unit_cents,
       quantity * unit_cents AS revenue_cents, currency
  FROM (SELECT s.name AS shop, o.shop_id, o.row_id AS order_row_id, o.id AS order_id, o.order_number,
               o.created_at AS ordered_at, o.status, o.customer_id,
               coalesce(o.customer_email, o.email) AS customer_email,
               l.id AS line_id, l.product_id, l.title, l.version, l.license_id,
               coalesce(l.quantity, 1) AS quantity,
               coalesce(l.price, {_LIST_PRICE}) AS unit_cents,
               upper(o.currency) AS currency
          FROM orders o
          JOIN order_line_items l ON l.parent_row_id = o.row_id
          LEFT JOIN shops s ON s.id = o.shop_id
         WHERE o.deleted_at IS NULL) AS priced
"""

_SALES_PER_DAY = """
CREATE VIEW sales_per_day AS
SELECT shop, day, count(*) AS orders, CAST(sum(items) AS bigint) AS items,
       CAST(sum(revenue_cents) AS bigint) AS revenue_cents, currency
  FROM (SELECT s.name AS shop, {day} AS day, upper(o.currency) AS currency,
               coalesce(sum(l.quantity), 0) AS items, coalesce(sum(l.revenue_cents), 0) AS revenue_cents
          FROM orders o
          LEFT JOIN order_lines l ON l.order_row_id = o.row_id
          LEFT JOIN shops s ON s.id = o.shop_id
         WHERE o.deleted_at IS NULL
         GROUP BY o.row_id, s.name, {day}, upper(o.currency)) AS sold
 GROUP BY shop, day, currency
"""

_PRODUCT_SALES = """
CREATE VIEW product_sales AS
SELECT l.shop, l.product_id, max(coalesce(p.title, l.title)) AS title,
       count(DISTINCT l.order_row_id) AS orders, CAST(sum(l.quantity) AS bigint) AS items,
       CAST(coalesce(sum(l.revenue_cents), 0) AS bigint) AS revenue_cents, l.currency,
       min(l.ordered_at) AS first_sold_at, max(l.ordered_at) AS last_sold_at
  FROM order_lines l
  LEFT JOIN products p ON p.shop_id = l.shop_id AND p.product_id = l.product_id AND p.deleted_at IS NULL
 GROUP BY l.shop, l.product_id, l.currency
"""

_CUSTOMER_VALUE = """
CREATE VIEW customer_value AS
SELECT shop, customer, max(customer_id) AS customer_id, max(email) AS email, max(first_name) AS first_name,
       max(last_name) AS last_name, max(company) AS company, count(*) AS orders,
       CAST(sum(items) AS bigint) AS items, CAST(sum(revenue_cents) AS bigint) AS revenue_cents, currency,
       min(ordered_at) AS first_order_at, max(ordered_at) AS last_order_at
  FROM (SELECT s.name AS shop,
               coalesce(o.customer_token, CAST(o.customer_id AS text), o.customer_email, o.email) AS customer,
               o.customer_id, coalesce(o.customer_email, o.email) AS email, o.customer_first_name AS first_name,
               o.customer_last_name AS last_name, o.customer_company AS company, o.created_at AS ordered_at,
               upper(o.currency) AS currency, coalesce(sum(l.quantity), 0) AS items,
               coalesce(sum(l.revenue_cents), 0) AS revenue_cents
          FROM orders o
          LEFT JOIN order_lines l ON l.order_row_id = o.row_id
          LEFT JOIN shops s ON s.id = o.shop_id
         WHERE o.deleted_at IS NULL
         GROUP BY o.row_id, s.name) AS bought
 GROUP BY shop, customer, currency
"""

# A fulfillment carries the id of its order; shipping status 100 is shipped, 0 is not.
_UNFULFILLED_ORDERS = """
CREATE VIEW unfulfilled_orders AS
SELECT s.name AS shop, f.id AS order_id, o.order_number, f.created_at AS ordered_at, f.customer_name, f.customer_city,
       f.customer_country_code, f.shipping_model,
       (SELECT CAST(coalesce(sum(coalesce(i.quantity, 1)), 0) AS bigint)
          FROM fulfillment_line_items i WHERE i.parent_row_id = f.row_id) AS items
  FROM fulfillments f
  LEFT JOIN orders o ON o.shop_id = f.shop_id AND o.id = f.id AND o.deleted_at IS NULL
  LEFT JOIN shops s ON s.id = f.shop_id
 WHERE f.deleted_at IS NULL AND coalesce(f.shipping_status, 0) < 100
"""

_FRESHNESS = """
CREATE VIEW freshness AS
SELECT s.name AS shop, c.resource, c.looked_at AS last_look, {lag} AS lag_seconds,
       coalesce(n.local_rows, 0) AS local_rows, c.remote_count
  FROM sync_cursors c
  JOIN shops s ON s.id = c.shop_id
  LEFT JOIN ({counts}) AS n ON n.shop_id = c.shop_id AND n.resource = c.resource
"""

_DAY = {
    "sqlite": "substr(o.created_at, 1, 10)",
    "postgresql": "CAST(o.created_at AT TIME ZONE 'UTC' AS date)",
}
_LAG = {
    "sqlite": "CAST(strftime('%s', 'now') AS integer) - CAST(strftime('%s', c.looked_at) AS integer)",
    "postgresql": "CAST(extract(epoch FROM now() - c.looked_at) AS bigint)",
}


def upgrade() -> None:
    """The views belong to the mirror; the state has none."""
    if op.get_context().opts["house"] != "mirror":
        return
    dialect = op.get_context().dialect.name
    counts = " UNION ALL ".join(
        f"SELECT shop_id, '{name}' AS resource, count(*) AS local_rows FROM {name}"
        " WHERE deleted_at IS NULL GROUP BY shop_id"
        for name in _RESOURCES
    )
    views = (
        _ORDER_LINES,
        _SALES_PER_DAY.format(day=_DAY[dialect]),
        _PRODUCT_SALES,
        _CUSTOMER_VALUE,
        _UNFULFILLED_ORDERS,
        _FRESHNESS.format(lag=_LAG[dialect], counts=counts),
    )
    for view in views:
        op.get_bind().exec_driver_sql(view)
